/** Q2's verdict, from the samples alone. */
import { formatDuration } from '../../bench/index.js';
import type { DataTable, Finding, Outcome, PlotData, Row } from '../frame/report.js';
import { estimate, median, quantile, type Estimate } from '../frame/statistics.js';
import { unanswered } from '../frame/unanswered.js';
import type { MeasuredRun } from '../workload/measured-run.js';
import { UNDISTURBED, bestWorkRate, pageCostNs } from '../workload/page-cost.js';
import { ARMS, deviation, type Arm } from './arms.js';

/** Rounds from which on a place says something by itself. */
const TELLING_ROUNDS = 3;

/** One run. */
export interface Sample {
  /** Latency of slow pages. */
  readonly fetchNs: number;
  readonly quickShare: number;
  readonly arm: Arm;
  readonly run: MeasuredRun;
  /** Of its pages. */
  readonly quickPages: number;
}

/** A place of the sweep with the cost of a page in each arm, by round. */
interface Measured {
  readonly fetchNs: number;
  readonly quickShare: number;
  readonly costs: ReadonlyMap<Arm['id'], readonly number[]>;
  readonly kernelNs: number;
}

/** Computes the verdict. */
export function conclude(samples: readonly Sample[]): Outcome {
  for (const { arm, run, quickPages } of samples) {
    const wrong = deviation(arm, run.pages - quickPages, quickPages, run);
    if (wrong !== null) return unanswered(wrong);
  }
  const places = measuredPlaces(samples);
  if (places.length < 4) return unanswered(`${places.length} of the sweep's places were measured in every arm: a longer --budget is needed`);
  return {
    finding: find(places),
    changedBy: [
      'The choice is made by who knows which pages are quick: here by their true class. A wrong guess costs what the other arm costs at that page.',
      'A guest whose kernel runs natively pays less for events (Q1 says what), which moves every place toward all-async.',
      `The fewest rounds of a place are ${Math.min(...places.map(({ costs }) => Math.min(...[...costs.values()].map(({ length }) => length))))}; --budget makes more.`,
    ],
    notReproduced: [
      'A kernel\'s look at the bits at each fault: here the model is given them.',
      'Exits, injection and the completion calls are emulated alike in every arm.',
    ],
    tables: [sweepTable(places), { id: 'runs', title: 'Every run', detail: true, rows: samples.map(detailOf) }],
    plots: plots(places),
  };
}

function measuredPlaces(samples: readonly Sample[]): Measured[] {
  const rate = bestWorkRate(samples.map(({ run }) => run)) ?? NaN;
  const keys = [...new Map(samples.map(({ fetchNs, quickShare }) => [`${fetchNs}/${quickShare}`, { fetchNs, quickShare }])).values()];
  return keys
    .sort((a, b) => a.fetchNs - b.fetchNs || a.quickShare - b.quickShare)
    .map(({ fetchNs, quickShare }) => {
      const here = samples.filter((sample) => sample.fetchNs === fetchNs && sample.quickShare === quickShare);
      return {
        fetchNs,
        quickShare,
        costs: new Map(ARMS.map(({ id }) => [id, here.filter(({ arm }) => arm.id === id).map(({ run }) => pageCostNs(run, rate))])),
        kernelNs: median(here.flatMap(({ run: { kernel } }) => (kernel.notPresentNs === null || kernel.readyNs === null ? [] : [kernel.notPresentNs + kernel.readyNs + 2 * (kernel.entryExitNs ?? 0)]))),
      };
    })
    .filter(({ costs }) => ARMS.every(({ id }) => costsOf(costs, id).length > 0));
}

function costsOf(costs: Measured['costs'], id: Arm['id']): readonly number[] {
  return costs.get(id) ?? [];
}

/** What a page costs in an arm: the runs that others disturbed least. */
function costOf({ costs }: Pick<Measured, 'costs'>, id: Arm['id']): number {
  return quantile(costsOf(costs, id), UNDISTURBED);
}

/** What another arm costs over what two bits cost, in the same rounds: above 1 two bits are ahead. */
function gain({ costs }: Measured, over: Arm['id']): Estimate {
  const twoBits = costsOf(costs, 'two-bits');
  return estimate(costsOf(costs, over).slice(0, twoBits.length).map((cost, at) => cost / Math.max(1, twoBits[at])));
}

function sweepTable(places: readonly Measured[]): DataTable {
  const rows = places.map((place): Row => {
    const cost = (id: Arm['id']): number => costOf(place, id);
    const overSync = gain(place, 'all-sync');
    const overAsync = gain(place, 'all-async');
    return {
      slowFetch: place.quickShare === 1 ? '-' : formatDuration(place.fetchNs),
      fetchNs: place.fetchNs,
      quickShare: place.quickShare,
      allSyncNs: cost('all-sync'),
      allAsyncNs: cost('all-async'),
      oneBitChoiceNs: cost('one-bit'),
      twoBitsNs: cost('two-bits'),
      syncOverTwoBitsRatio: overSync.value,
      asyncOverTwoBitsRatio: overAsync.value,
      asyncRange: `${overAsync.low.toFixed(2)} to ${overAsync.high.toFixed(2)}`,
      oneBitOverTwoBitsRatio: gain(place, 'one-bit').value,
      guestHandlersNs: Number.isNaN(place.kernelNs) ? null : place.kernelNs,
    };
  });
  return { id: 'sweep', title: 'vCPU time that a page costs (the least disturbed runs), by fetch latency of slow pages and share of quick ones', rows };
}

function detailOf({ fetchNs, quickShare, arm, run, quickPages }: Sample): Row {
  const { pages, pagingNs, vcpuNs, work, latencyNs, switchesPerPage, notPresent, ready, result } = run;
  return { fetchNs, quickShare, arm: arm.id, pages, quickPages, pagingNs, vcpuNs, work, latencyNs, switchesPerPage, notPresent, ready, spuriousPairs: result.vcpus.spuriousPairs, choseSync: result.vcpus.choseSync, refusedAsync: result.vcpus.refusedAsync };
}

function find(places: readonly Measured[]): Finding {
  const mixed = places.filter(({ quickShare }) => quickShare > 0 && quickShare < 1);
  if (mixed.length === 0) return { answered: false, why: 'no mix of quick and slow pages was measured in every arm: a longer --budget is needed' };
  const overBest = mixed.map((place) => {
    const [sync, async] = [gain(place, 'all-sync'), gain(place, 'all-async')];
    return { place, best: sync.value < async.value ? sync : async, bestId: sync.value < async.value ? 'all-sync' : 'all-async' };
  });
  const most = overBest.reduce((a, b) => (b.best.value > a.best.value ? b : a));
  const oneBit = estimate(mixed.flatMap((place) => costsOf(place.costs, 'one-bit').slice(0, costsOf(place.costs, 'two-bits').length).map((cost, at) => cost / Math.max(1, costsOf(place.costs, 'two-bits')[at]))));
  const overall = estimate(overBest.map(({ best }) => best.value));
  const told = overBest.filter(({ best }) => best.count >= TELLING_ROUNDS);
  const wins = told.filter(({ best }) => best.low > 1).length;
  const losses = told.filter(({ best }) => best.high < 1).length;
  const where = `${formatDuration(most.place.fetchNs)} and ${most.place.quickShare * 100} % quick`;
  const percent = (ratio: number): string => `${((ratio - 1) * 100).toFixed(0)} %`;
  const choice = `one bit with the choice made after the guest was told costs ${percent(oneBit.value)} more than two bits (95 %: ${percent(oneBit.low)} to ${percent(oneBit.high)})`;
  const interval = most.best.count >= TELLING_ROUNDS ? `95 %: ${percent(most.best.low)} to ${percent(most.best.high)}` : `${most.best.count} round${most.best.count === 1 ? '' : 's'} only`;
  const sure = told.length === 0 ? `no mix was measured in ${TELLING_ROUNDS} rounds, so that none is certain by itself` : `of ${told.length} measured in ${TELLING_ROUNDS} rounds or more they are ahead in ${wins} and behind in ${losses} beyond the noise`;
  return {
    answered: true,
    answer: `a choice per gfn ${overall.low > 1 ? 'gains over the better of all-sync and all-async' : overall.high < 1 ? 'loses to the better of all-sync and all-async' : 'cannot be told from the better of all-sync and all-async over all mixes'}; two bits ${oneBit.low > 1 ? 'cost less than' : oneBit.high < 1 ? 'cost more than' : 'cannot be told from'} one bit decided late`,
    verdict:
      `over ${mixed.length} mixes the better of all-sync and all-async costs ${percent(overall.value)} more a page than two bits (95 % over the mixes: ${percent(overall.low)} to ${percent(overall.high)}), ` +
      `most at ${where}: ${percent(most.best.value)} (${most.bestId}; ${interval}); ${sure}; ${choice}`,
  };
}

function plots(places: readonly Measured[]): PlotData[] {
  const fetches = [...new Set(places.filter(({ quickShare }) => quickShare < 1).map(({ fetchNs }) => fetchNs))];
  const half = places.filter(({ quickShare }) => quickShare === 0.5);
  const byLatency: PlotData = {
    title: 'What a page costs where half of the pages are quick, by fetch latency of the others',
    x: half.map(({ fetchNs }) => formatDuration(fetchNs)),
    y: 'log10 of vCPU time in us',
    lines: ARMS.map(({ id }) => ({ name: id, values: half.map(({ costs }) => Math.log10(Math.max(1, costOf({ costs }, id) / 1e3))) })),
  };
  const slow = Math.max(...fetches.filter((fetchNs) => fetchNs <= 1e6));
  const byShare = places.filter(({ fetchNs, quickShare }) => fetchNs === slow || quickShare === 1).sort((a, b) => a.quickShare - b.quickShare);
  return [
    ...(half.length > 1 ? [byLatency] : []),
    ...(byShare.length > 1
      ? [{
          title: `What a page costs at a fetch of ${formatDuration(slow)}, by share of quick pages`,
          x: byShare.map(({ quickShare }) => `${quickShare * 100} %`),
          y: 'vCPU time in us',
          lines: ARMS.map(({ id }) => ({ name: id, values: byShare.map(({ costs }) => costOf({ costs }, id) / 1e3) })),
        }]
      : []),
  ];
}

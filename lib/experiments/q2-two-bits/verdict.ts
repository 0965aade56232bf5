/** Q2's verdict, from the samples alone. */
import { formatDuration } from '../../bench/index.js';
import { quoted, rangeText, signedDuration } from '../frame/figure.js';
import { lineOf, log10Us } from '../frame/plot-line.js';
import type { DataTable, Finding, Outcome, PlotData, QuotedFigure, Row } from '../frame/report.js';
import { isNoise, quantile, type Estimate } from '../frame/statistics.js';
import { unanswered } from '../frame/unanswered.js';
import { countOf } from '../frame/words.js';
import { LOAD_NOTE } from '../workload/measured-run.js';
import { UNDISTURBED, bestWorkRate, pageCostNs } from '../workload/page-cost.js';
import { ARMS, deviation, type Arm } from './arms.js';
import { componentsOf, composedNs, composedRatio, finiteMedian, handlersNs, type Components, type Sample } from './components.js';

/** A mix of the sweep. */
interface Mix {
  readonly fetchNs: number;
  readonly quickShare: number;
}

const middle = ({ value }: Estimate): number => value;
const SHARES = [0, 0.25, 0.5, 0.75, 1];

/** Computes the verdict. */
export function conclude(samples: readonly Sample[]): Outcome {
  for (const { arm, run, quickPages } of samples) {
    const wrong = deviation(arm, run.pages - quickPages, quickPages, run);
    if (wrong !== null) return unanswered(wrong);
  }
  const components = componentsOf(samples);
  if (components === null || components.slowWait.size < 2) return unanswered('not every class of pages was measured in every arm at two fetch latencies or more: a longer --budget is needed');
  const mixes = [...components.slowWait.keys()].sort((a, b) => a - b).flatMap((fetchNs) => SHARES.map((quickShare): Mix => ({ fetchNs, quickShare })));
  const handlers = handlersNs(samples);
  return {
    finding: find(samples, components, mixes, handlers),
    changedBy: [
      'The choice is made by who knows which pages are quick: here by their true class. A wrong guess costs what the other arm costs at that page.',
      'Slow pages are left to the guest whatever their latency: below the break-even of Q1 they too are better waited for, which is where two bits lose to all-sync.',
      `A guest whose kernel runs natively takes some 2 us for the two handlers of a pair instead of ${formatDuration(handlers)}: that moves every mix toward all-async, and the gain over all-async shrinks with the pair.`,
      `The pair was measured in ${countOf(components.pair.count, 'round')}, the slowest fetch in ${components.slowWait.get(Math.max(...components.slowWait.keys()))?.count ?? 0}; --budget makes more.`,
    ],
    notReproduced: [
      'A kernel\'s look at the bits at each fault: here the model is given them.',
      'Exits, injection and the completion calls are emulated alike in every arm.',
    ],
    tables: [componentTable(components, handlers), sweepTable(samples, components, mixes), { id: 'runs', title: 'Every run', detail: true, rows: samples.map(detailOf) }],
    plots: plots(components, mixes),
    figures: figuresOf(components, mixes),
  };
}

function componentTable({ quickWait, pair, exit, slowWait }: Components, handlers: number): DataTable {
  const row = (what: string, { value, low, high, count }: Estimate): Row => ({ what, costNs: value, range: rangeText({ low, high, count }, (ns) => formatDuration(Math.max(0, ns))), rounds: count });
  return {
    id: 'components',
    title: 'What was measured of single pages',
    rows: [
      row('a quick page that is waited for', quickWait),
      row('of it, the exit', exit),
      row(`a pair of events: what it delays a page by (the guest's two handlers, timed separately: ${formatDuration(handlers)})`, pair),
      ...[...slowWait].sort(([a], [b]) => a - b).map(([fetchNs, wait]) => row(`a page that is waited for, fetch ${formatDuration(fetchNs)}`, wait)),
    ],
  };
}

/** What a page cost in whole runs of an arm at a place. */
function wholeRunNs(samples: readonly Sample[], id: Arm['id'], { fetchNs, quickShare }: Mix, workPerNs: number): number {
  const runs = samples.filter((sample) => sample.arm.id === id && sample.quickShare === quickShare && (sample.fetchNs === fetchNs || quickShare === 1)).map(({ run }) => run);
  return runs.length === 0 ? NaN : quantile(runs.map((run) => pageCostNs(run, workPerNs)), UNDISTURBED);
}

function sweepTable(samples: readonly Sample[], components: Components, mixes: readonly Mix[]): DataTable {
  const rate = bestWorkRate(samples.map(({ run }) => run)) ?? NaN;
  const rows = mixes.map((mix): Row => {
    const { fetchNs, quickShare } = mix;
    const cost = (id: Arm['id']): number => composedNs(components, id, fetchNs, quickShare).value;
    const best = bestArm(components, mix);
    const gain = composedRatio(components, best, 'two-bits', fetchNs, quickShare);
    const late = composedRatio(components, 'one-bit', 'two-bits', fetchNs, quickShare);
    const whole = (id: Arm['id']): number | null => {
      const ns = wholeRunNs(samples, id, mix, rate);
      return Number.isFinite(ns) ? ns : null;
    };
    return {
      slowFetch: formatDuration(fetchNs), quickShare,
      allSyncNs: cost('all-sync'), allAsyncNs: cost('all-async'), oneBitLateNs: cost('one-bit'), twoBitsNs: cost('two-bits'),
      better: best, gainRatio: gain.value, gainRange: rangeText(gain, (ratio) => ratio.toFixed(2)), lateRatio: late.value,
      wholeRunSyncNs: whole('all-sync'), wholeRunAsyncNs: whole('all-async'), wholeRunLateNs: whole('one-bit'), wholeRunTwoBitsNs: whole('two-bits'),
    };
  });
  return { id: 'sweep', title: 'vCPU time that a page costs by fetch latency of slow pages and share of quick ones; gain: the better of all-sync and all-async over two bits', rows };
}

/** Gains at half of the pages quick: at other mixes they come from the same components. Only all-sync knows how long the slow pages take. */
function figuresOf(components: Components, mixes: readonly Mix[]): QuotedFigure[] {
  const half = mixes.filter(({ quickShare }) => quickShare === 0.5);
  const over = (arm: Arm['id'], fetchNs: number): Estimate => composedRatio(components, arm, 'two-bits', fetchNs, 0.5);
  const gains = [
    ...half.map(({ fetchNs }) => quoted(`gain/all-sync/${fetchNs}`, `all-sync over two bits, half quick, fetch ${formatDuration(fetchNs)}`, 'ratio', over('all-sync', fetchNs))),
    ...(['all-async', 'one-bit'] as const).map((arm) => quoted(`gain/${arm}`, `${arm} over two bits, half quick`, 'ratio', over(arm, half[0].fetchNs))),
  ];
  return [
    quoted('quick-wait', 'a quick page that is waited for', 'ns', components.quickWait),
    quoted('pair', 'a pair of events', 'ns', components.pair),
    quoted('exit', 'the exit of a quick page', 'ns', components.exit),
    ...gains,
  ];
}

function bestArm(components: Components, { fetchNs, quickShare }: Mix): 'all-sync' | 'all-async' {
  const cost = (id: Arm['id']): number => composedNs(components, id, fetchNs, quickShare).value;
  return cost('all-sync') <= cost('all-async') ? 'all-sync' : 'all-async';
}

function detailOf({ fetchNs, quickShare, arm, run, quickPages, quickLatencyNs, slowLatencyNs }: Sample): Row {
  const { pages, pagingNs, vcpuNs, work, switchesPerPage, notPresent, ready, result: { vcpus } } = run;
  const finite = (ns: number): number | null => (Number.isFinite(ns) ? ns : null);
  return {
    fetchNs, quickShare, arm: arm.id, pages, quickPages, quickLatencyNs: finite(quickLatencyNs), slowLatencyNs: finite(slowLatencyNs), pagingNs, vcpuNs, work, switchesPerPage, notPresent, ready,
    spuriousPairs: vcpus.spuriousPairs, choseSync: vcpus.choseSync, refusedAsync: vcpus.refusedAsync, waitNs: vcpus.waitNs,
  };
}

function find(samples: readonly Sample[], components: Components, mixes: readonly Mix[], handlers: number): Finding {
  const { pair } = components;
  if (isNoise(pair)) return { answered: false, why: `a pair of events cannot be told from nothing in this run (${countOf(pair.count, 'round')}, 95 %: ${rangeText(pair, signedDuration)}): the host is too noisy, or a longer --budget is needed` };
  const mixed = mixes.filter(({ quickShare }) => quickShare > 0 && quickShare < 1);
  const gains = mixed.map((mix) => ({ mix, best: bestArm(components, mix), gain: composedRatio(components, bestArm(components, mix), 'two-bits', mix.fetchNs, mix.quickShare) }));
  const ahead = gains.filter(({ gain }) => gain.low > 1);
  const behind = gains.filter(({ gain }) => gain.high < 1);
  const most = gains.reduce((a, b) => (b.gain.value > a.gain.value ? b : a));
  const late = mixed.map((mix) => composedRatio(components, 'one-bit', 'two-bits', mix.fetchNs, mix.quickShare));
  const lateAhead = late.filter(({ low }) => low > 1).length;
  const percent = (ratio: number): string => `${((ratio - 1) * 100).toFixed(0)} %`;
  const place = ({ fetchNs, quickShare }: Mix): string => `${formatDuration(fetchNs)} with ${quickShare * 100} % quick`;
  const gainWords = `at ${place(most.mix)}: ${percent(most.gain.value)} over ${most.best} (95 %: ${rangeText(most.gain, percent)}, ${countOf(most.gain.count, 'round')}, one ratio each)`;
  const rate = bestWorkRate(samples.map(({ run }) => run)) ?? NaN;
  const agreement = finiteMedian(mixed.flatMap((mix) => ARMS.map(({ id }) => wholeRunNs(samples, id, mix, rate) / composedNs(components, id, mix.fetchNs, mix.quickShare).value)));
  return {
    answered: true,
    answer: `knowing of each page beforehand whether it is quick (two bits) beats one rule for all pages in ${ahead.length > 0 ? 'some mixes' : 'no mix'} of quick and slow ones; choosing only after the guest was told (one bit) costs ${lateAhead > 0 ? 'more' : 'the same'}`,
    verdict:
      `two bits beat the better of all-sync and all-async beyond the noise in ${ahead.length} of ${mixed.length} mixes and lose to it in ${behind.length}; most ${gainWords}. One bit with the choice made after the guest was told costs ` +
      `${percent(Math.min(...late.map(middle)))} to ${percent(Math.max(...late.map(middle)))} more than two bits (beyond the noise in ${lateAhead} of ${mixed.length}), since a pair delays a page by ${formatDuration(pair.value)} here (the guest's two handlers alone, timed separately, take ${formatDuration(handlers)})` +
      (Number.isFinite(agreement) ? `; whole runs lost ${agreement.toFixed(2)} times that much work in the median` : ''),
  };
}

function plots(components: Components, mixes: readonly Mix[]): PlotData[] {
  const half = mixes.filter(({ quickShare }) => quickShare === 0.5);
  const fetches = [...components.slowWait.keys()];
  const middleFetch = Math.max(...fetches.filter((fetchNs) => fetchNs <= 1e6), Math.min(...fetches));
  const byShare = mixes.filter(({ fetchNs }) => fetchNs === middleFetch);
  const cost = (id: Arm['id'], { fetchNs, quickShare }: Mix): Estimate => composedNs(components, id, fetchNs, quickShare);
  return [
    {
      title: 'What a page costs where half of the pages are quick, by fetch latency of the others',
      x: half.map(({ fetchNs }) => formatDuration(fetchNs)),
      y: 'log10 of vCPU time in us',
      log10Of: 'vCPU time in us',
      xNs: half.map(({ fetchNs }) => fetchNs),
      xLabel: 'time to fetch a slow page',
      better: 'lower',
      load: LOAD_NOTE,
      lines: ARMS.map(({ id, title }) => lineOf(id, half.map((mix) => cost(id, mix)), log10Us, title)),
    },
    {
      title: `What a page costs at a fetch of ${formatDuration(middleFetch)}, by share of quick pages`,
      x: byShare.map(({ quickShare }) => `${quickShare * 100} %`),
      xLabel: 'share of quick pages',
      better: 'lower',
      load: LOAD_NOTE,
      y: 'vCPU time in us',
      lines: ARMS.map(({ id, title }) => lineOf(id, byShare.map((mix) => cost(id, mix)), (ns) => ns / 1e3, title)),
    },
  ];
}

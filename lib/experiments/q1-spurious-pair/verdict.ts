/** Q1's verdict, from the samples alone. */
import { formatDuration } from '../../bench/index.js';
import { quoted, rangeText, signedDuration } from '../frame/figure.js';
import { lineOf, log10Us } from '../frame/plot-line.js';
import type { Finding, Outcome, PlotData, QuotedFigure, Row } from '../frame/report.js';
import { crossing, estimate, isNoise, median, quantile, type Crossing, type Estimate, type SweepPoint } from '../frame/statistics.js';
import { unanswered } from '../frame/unanswered.js';
import { LOAD_NOTE, TICK_NS, TURNS_NOTE, type MeasuredRun } from '../workload/measured-run.js';
import { UNDISTURBED, bestWorkRate, pageCostNs } from '../workload/page-cost.js';
import { perRound } from '../workload/rounds.js';
import { ARMS, type Arm } from './arms.js';

/** One run. */
export interface Sample {
  /** Its round: runs of one are compared with each other. */
  readonly round: number;
  readonly fetchNs: number;
  readonly arm: Arm;
  readonly run: MeasuredRun;
}

type ArmId = Arm['id'];

/** Smallest fetch time that the sweep tells apart from none. */
const ZERO_NS = 1e3;
/** What a guest's two handlers take where CPL0 runs natively, about. */
const NATIVE_HANDLERS_NS = 2e3;
const ARM_IDS = ['sync', 'spurious', 'async'] as const satisfies readonly ArmId[];

const NOT_REPRODUCED = [
  "The exit is emulated: a failed KVM_RUN, an instruction decode and writes into the run area stand for KVM's own exit and injection. All arms pay the exit alike; the pair has the injection besides.",
  "The guest's write of the ACK MSR exits to the VMM here; KVM takes it in the kernel. It is a part of the pair's cost.",
  'ACCEPT and READY are calls of the model and not ioctls: a native kernel adds two ioctls to an async page and none to a spurious pair.',
];

/** Everything that the samples say, arranged. */
class Data {
  readonly fetches: readonly number[];
  /** The best rate of work that any run of a round reached, by round. */
  private readonly rates: ReadonlyMap<number, number>;

  constructor(readonly samples: readonly Sample[]) {
    const rounds = [...new Set(samples.map(({ round }) => round))];
    this.rates = new Map(rounds.map((round) => [round, bestWorkRate(samples.filter((sample) => sample.round === round).map(({ run }) => run)) ?? NaN]));
    const all = [...new Set(samples.map(({ fetchNs }) => fetchNs))].sort((a, b) => a - b);
    this.fetches = all.filter((fetchNs) => ARM_IDS.every((id) => this.runs(fetchNs, id).length >= 2));
  }

  runs(fetchNs: number, id: ArmId): MeasuredRun[] {
    return this.samples.filter((sample) => sample.fetchNs === fetchNs && sample.arm.id === id).map(({ run }) => run);
  }

  latencies(fetchNs: number, id: ArmId): number[] {
    return this.runs(fetchNs, id).map(({ latencyNs }) => latencyNs);
  }

  /** vCPU time a page, by run. */
  costs(fetchNs: number, id: ArmId): number[] {
    return this.samples.filter((sample) => sample.fetchNs === fetchNs && sample.arm.id === id).map((sample) => this.cost(sample));
  }

  /** What sync costs over async, by round. */
  costRatios(fetchNs: number): number[] {
    return perRound(this.samples, (ofRound) => {
      const [sync, async] = (['sync', 'async'] as const).map((id) => ofRound.find((sample) => sample.fetchNs === fetchNs && sample.arm.id === id));
      return sync === undefined || async === undefined ? NaN : this.cost(sync) / Math.max(1, this.cost(async));
    });
  }

  /** What the pair adds, by round: the middle of what it adds at these fetch latencies. */
  pairs(fetches: readonly number[]): number[] {
    return perRound(this.samples, (ofRound) => {
      const latency = (fetchNs: number, id: ArmId): number => ofRound.find((sample) => sample.fetchNs === fetchNs && sample.arm.id === id)?.run.latencyNs ?? NaN;
      return median(fetches.map((fetchNs) => latency(fetchNs, 'spurious') - latency(fetchNs, 'sync')).filter(Number.isFinite));
    });
  }

  private cost({ run, round }: Sample): number {
    return pageCostNs(run, this.rates.get(round) ?? NaN);
  }

  /** What the guest's two handlers of a pair take with the way in and out of each, in the runs that others disturbed least, ns. */
  get handlersNs(): number {
    const handlers = this.samples.flatMap(({ run: { kernel } }) => (kernel.notPresentNs === null || kernel.readyNs === null ? [] : [kernel.notPresentNs + kernel.readyNs + 2 * (kernel.entryExitNs ?? 0)]));
    return quantile(handlers, UNDISTURBED);
  }
}

/** Computes the verdict. */
export function conclude(samples: readonly Sample[]): Outcome {
  const wrong = samples.find(({ arm, run }) => pairsOf(run) !== arm.pairsPerPage * run.pages);
  if (wrong !== undefined) return unanswered(`the arm "${wrong.arm.title}" made ${pairsOf(wrong.run)} pairs of events for ${wrong.run.pages} pages: it is not what it is to be`);
  const data = new Data(samples);
  if (data.fetches.length < 3) return unanswered(`${data.fetches.length} fetch latencies were measured twice in every arm, and it takes three: a longer --budget is needed`);
  // A pair does not know how long the fetch took; where it is long, the same noise is larger.
  const quick = data.fetches.filter((fetchNs) => fetchNs <= 100e3);
  const pair = estimate(data.pairs(quick.length > 0 ? quick : data.fetches));
  const points = data.fetches.map((x): SweepPoint => ({ x, ratios: data.costRatios(x) }));
  const even = crossing(points, ZERO_NS);
  return {
    finding: find(data, pair, points, even),
    changedBy: [
      `A guest whose kernel runs natively: its two handlers are assumed to take ${formatDuration(NATIVE_HANDLERS_NS)} instead of ${formatDuration(data.handlersNs)}, and the break-even moves down by the difference.`,
      'A guest with nothing else to do gains nothing from async whatever the fetch takes: here two tasks always have work.',
      `More rounds: the fewest of a place are ${Math.min(...data.fetches.map((x) => data.runs(x, 'async').length))}; --budget makes more. Others on the host make the intervals wide.`,
    ],
    notReproduced: NOT_REPRODUCED,
    tables: [
      { id: 'sweep', title: 'By fetch latency', rows: data.fetches.map((x) => rowOf(data, x)), ...(data.fetches.some((x) => x >= TICK_NS) ? { note: `${TURNS_NOTE} A pair so changes whose turn it is, which moves these latencies by more than the pair takes: its columns are empty there.` } : {}) },
      {
        id: 'breakEven',
        title: 'How soon the page must be there for a wait to beat telling the guest',
        rows: breakEvens(data, pair, even),
        note: 'The clocks start at different points: the first two count from the exit, the last counts only what is added to the time that a page takes here anyway.',
      },
      { id: 'runs', title: 'Every run', detail: true, rows: samples.map(detailOf) },
    ],
    plots: [plotOf(data, even)],
    figures: figuresOf(data, pair, even),
  };
}

/** Pairs of events that the guest counted; -1 where the two halves differ. */
export function pairsOf(run: MeasuredRun): number {
  return run.notPresent === run.ready ? run.notPresent : -1;
}

function figuresOf(data: Data, pair: Estimate, even: Crossing | null): QuotedFigure[] {
  return [
    quoted('pair', 'a spurious pair', 'ns', pair),
    ...(even?.bounded === true ? [quoted('break-even', 'break-even in whole runs', 'ns', { value: even.at, low: even.low, high: even.high, count: pair.count })] : []),
    ...data.fetches.map((x) => quoted(`latency-sync/${x}`, `first access, sync, fetch ${formatDuration(x)}`, 'ns', estimate(data.latencies(x, 'sync')))),
    ...data.fetches.map((x) => quoted(`cost-ratio/${x}`, `cost of sync over async, fetch ${formatDuration(x)}`, 'ratio', estimate(data.costRatios(x)))),
  ];
}

function rowOf(data: Data, fetchNs: number): Row {
  const latency = (id: ArmId): number => median(data.latencies(fetchNs, id));
  const cost = (id: ArmId): number => quantile(data.costs(fetchNs, id), UNDISTURBED);
  const pair = estimate(data.pairs([fetchNs]));
  const rate = (id: ArmId): number => quantile(data.runs(fetchNs, id).map(({ pagesPerSecond }) => pagesPerSecond), 1 - UNDISTURBED);
  const { tscKhz } = data.runs(fetchNs, 'sync')[0].result;
  // From a tick on the guest's scheduler decides when the task goes on, and a pair changes whose turn it is: its delay is not in the difference.
  const isShort = fetchNs < TICK_NS;
  const switches = (id: ArmId): number => median(data.runs(fetchNs, id).map(({ switchesPerPage }) => switchesPerPage));
  return {
    fetch: formatDuration(fetchNs),
    latencySyncNs: latency('sync'),
    latencySpuriousNs: latency('spurious'),
    pairNs: isShort ? pair.value : null,
    pairRange: isShort ? rangeText(pair, signedDuration) : null,
    pairCycles: isShort ? (pair.value / 1e6) * tscKhz : null,
    extraSwitches: isShort ? switches('spurious') - switches('sync') : null,
    pagesLostShare: isShort ? 1 - rate('spurious') / rate('sync') : null,
    costSyncNs: cost('sync'),
    costSpuriousNs: cost('spurious'),
    costAsyncNs: cost('async'),
    syncOverAsyncRatio: median(data.costRatios(fetchNs)),
  };
}

function detailOf({ fetchNs, arm, run }: Sample): Row {
  const { pages, pagingNs, vcpuNs, work, workPerNs, latencyNs, switchesPerPage, notPresent, ready, kernel, result: { vcpus } } = run;
  return {
    fetchNs, arm: arm.id, pages, pagingNs, vcpuNs, work, workPerNanosecond: workPerNs, latencyNs, switchesPerPage, notPresent, ready,
    spuriousPairs: vcpus.spuriousPairs, accepted: vcpus.accepted, autoCompleted: vcpus.autoCompleted, exits: vcpus.exits, waitNs: vcpus.waitNs,
    notPresentHandlerNs: kernel.notPresentNs, readyHandlerNs: kernel.readyNs, entryExitNs: kernel.entryExitNs,
  };
}

/** The break-even from the pair's cost, as here and with native handlers, and the one that whole runs show. */
function breakEvens(data: Data, pair: Estimate, even: Crossing | null): Row[] {
  const native = (ns: number): number => Math.max(0, ns - data.handlersNs + NATIVE_HANDLERS_NS);
  return [
    { by: "the pair's cost", guestHandlersNs: data.handlersNs, breakEvenNs: Math.max(0, pair.value), range: rangeText(pair, signedDuration) },
    { by: "the pair's cost, computed for handlers that run natively", guestHandlersNs: NATIVE_HANDLERS_NS, breakEvenNs: native(pair.value), range: rangeText({ ...pair, low: native(pair.low), high: native(pair.high) }, formatDuration) },
    {
      by: 'work lost in whole runs, sync against async (fetch latency added)',
      guestHandlersNs: data.handlersNs,
      breakEvenNs: even?.at ?? null,
      range: even === null ? 'no crossing in the sweep' : `${formatDuration(even.low)} to ${formatDuration(even.high)}${even.bounded ? '' : ', as far as the sweep goes'}`,
    },
  ];
}

function find(data: Data, pair: Estimate, points: readonly SweepPoint[], even: Crossing | null): Finding {
  const made = data.samples.filter(({ arm }) => arm.id === 'spurious').reduce((total, { run }) => total + run.notPresent, 0);
  if (isNoise(pair)) {
    return { answered: false, why: `the pair's cost, ${signedDuration(pair.value)} (95 %: ${rangeText(pair, signedDuration)}) over ${made} pairs, cannot be told from nothing in this run: the host is too noisy, or a longer --budget is needed` };
  }
  const { tscKhz } = data.samples[0].run.result;
  const native = Math.max(0, pair.value - data.handlersNs + NATIVE_HANDLERS_NS);
  const switches = median(data.fetches.filter((x) => x < TICK_NS).map((x) => median(data.runs(x, 'spurious').map((run) => run.switchesPerPage)) - median(data.runs(x, 'sync').map((run) => run.switchesPerPage))));
  const lost = median(data.fetches.filter((x) => x <= 30e3).map((x) => rowOf(data, x)['pagesLostShare'] as number));
  const whole =
    even !== null
      ? `waiting is cheaper than telling the guest up to ${formatDuration(even.at)} of added fetch time (95 %: ${formatDuration(even.low)} to ${formatDuration(even.high)}), on top of the time that a page takes here anyway`
      : points.every(({ ratios: of }) => median(of) >= 1)
        ? 'telling the guest loses less work than waiting at every fetch time'
        : 'whole runs show no single fetch time from which telling the guest is cheaper';
  const tellingPays = median(points[points.length - 1].ratios) > 1;
  return {
    answered: true,
    answer: `telling the guest of a page that is there already (a spurious pair) costs it time and task switches; for short fetches it is cheaper to let the vCPU wait, ${tellingPays ? 'for long ones to tell the guest' : 'and telling the guest gains nothing at long ones either'}`,
    verdict:
      `a spurious pair delays a page by ${formatDuration(pair.value)} (95 %: ${rangeText(pair, formatDuration)}; ${Math.round((pair.value / 1e6) * tscKhz).toLocaleString('en-US')} cycles); the guest's two handlers alone, timed separately, take ${formatDuration(data.handlersNs)}. ` +
      `It also costs ${switches.toFixed(1)} task switches and ${(lost * 100).toFixed(0)} % of the page rate at fetches up to 30 us, over ${made.toLocaleString('en-US')} pairs that the guest counted. ` +
      `Measured in whole runs: ${whole}. Estimated from the pair alone: waiting is cheaper if the page is there within ${formatDuration(pair.value)} of the exit; within ${formatDuration(native)} where the guest's kernel runs natively (computed, for two handlers of ${formatDuration(NATIVE_HANDLERS_NS)})`,
  };
}

function plotOf(data: Data, even: Crossing | null): PlotData {
  return {
    title: 'vCPU time that a page costs, by fetch latency',
    x: data.fetches.map((fetchNs) => formatDuration(fetchNs)),
    xLabel: 'time to fetch a page',
    better: 'lower',
    load: LOAD_NOTE,
    y: 'log10 of us',
    log10Of: 'vCPU time, us',
    xNs: data.fetches,
    lines: ARM_IDS.map((id) => lineOf(id, data.fetches.map((x) => estimate(data.costs(x, id), UNDISTURBED)), log10Us, ARMS.find((arm) => arm.id === id)?.short)),
    marks: even === null ? [] : [{ label: `break-even ${formatDuration(even.at)} (${formatDuration(even.low)} to ${formatDuration(even.high)})`, what: 'where sync and async cost the same', atNs: even.at, lowNs: even.low, highNs: even.high }],
  };
}

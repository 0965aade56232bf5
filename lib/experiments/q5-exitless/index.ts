/** Q5: exit or exitless. */
import { formatDuration } from '../../bench/index.js';
import { Kvm } from '../../kvm/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import { quoted, rangeText } from '../frame/figure.js';
import { countOf } from '../frame/words.js';
import { lineOf, log10Us } from '../frame/plot-line.js';
import type { Finding, Outcome, PlotData, QuotedFigure, Row } from '../frame/report.js';
import { estimate, median, type Estimate } from '../frame/statistics.js';
import { lacksForModes } from '../q1-spurious-pair/index.js';
import { FETCH_LATENCIES_NS, pagesFor } from '../workload/latency-sweep.js';
import { measureRun, type MeasuredRun } from '../workload/measured-run.js';
import { perRound, runRounds, type Trial } from '../workload/rounds.js';
import { faultExitNs } from './exit-cost.js';

const UAPI = 'async-pf-userfault-2026';
const ROUNDS = 16;
/** Rounds of one task alone that come first: the verdict is about them. */
const FIRST_ROUNDS = 4;
/** Exits of a machine, and machines a round: exits of one machine are all alike, those of the next are not. */
const EXITS = 400;
const EXIT_MACHINES = 3;
/** One task alone shows the latency of a fault, eight a vCPU what the interface carries. */
const LOADS: readonly Load[] = [{ vcpus: 1, tasks: 1 }, { vcpus: 1, tasks: 8 }, { vcpus: 2, tasks: 8 }, { vcpus: 4, tasks: 8 }];
const [ALONE] = LOADS;
const MODES = ['apf-user', 'apf-exitless'] as const;
type Mode = (typeof MODES)[number];
const MODE_TITLES: Readonly<Record<Mode, string>> = { 'apf-user': 'user space is told by an exit', 'apf-exitless': 'by a ring, behind the same exit (emulated)' };

/** What the guest does: tasks on each vCPU that fault. */
export interface Load {
  readonly vcpus: number;
  readonly tasks: number;
}

interface Sample {
  readonly round: number;
  readonly mode: Mode;
  readonly load: Load;
  readonly fetchNs: number;
  readonly run: MeasuredRun;
}

/** Exits of one machine. */
interface ExitSample {
  readonly round: number;
  readonly count: number;
  readonly medianNs: number;
}

/** Where the protocol is a part of the latency that can be seen. */
const QUICK_FETCHES_NS = FETCH_LATENCIES_NS.filter((fetchNs) => fetchNs <= 100e3);

/** See the module's comment. */
export const q5: Experiment = {
  id: 'q5',
  question: 'Exit or exitless: round-trip latency and throughput for 1 to 4 vCPUs and fetches of 0 to 10 ms; does exitless matter, and from which fetch time on does it not?',
  method: [
    'The 2026 design with exits (ACCEPT, READY) and with its rings, whose notification and completion go through shared memory; 1, 2 and 4 vCPUs at each fetch latency.',
    'On a stock kernel the fault comes as an exit in both: so the exit\'s own round trip is measured apart, on new machines in every round, and is the most that exitless could save.',
  ],
  lacks: lacksForModes,
  inRounds: true,
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const kvm = Kvm.open();
  try {
    return await measure(context, kvm);
  } finally {
    kvm.close();
  }
}

async function measure(context: ExperimentContext, kvm: Kvm): Promise<Outcome> {
  const exits: ExitSample[] = [];
  const samples: Sample[] = [];
  const exitTrials = Array.from({ length: EXIT_MACHINES }, (_, at): Trial<void> => ({
    title: `round trip of a fault exit, machine ${at + 1}`,
    run: async (round): Promise<void> => {
      const times = await faultExitNs(kvm, context.samples(EXITS, 100));
      if (times.length > 0) exits.push({ round, count: times.length, medianNs: median(times) });
    },
  }));
  const modeTrials = (loads: readonly Load[]): Trial<void>[] =>
    FETCH_LATENCIES_NS.flatMap((fetchNs) =>
      loads.flatMap((load) =>
        MODES.map((mode): Trial<void> => ({
          title: `${mode}, ${countOf(load.vcpus, 'vCPU')} of ${countOf(load.tasks, 'task')}, fetch ${formatDuration(fetchNs)}`,
          run: async (round): Promise<void> => {
            samples.push({ round, mode, load, fetchNs, run: await measureMode(context, mode, load, fetchNs, pagesFor(fetchNs / Math.min(4, load.tasks))) });
          },
        })),
      ),
    );
  const trials = (loads: readonly Load[]): Trial<void>[] => [...exitTrials, ...modeTrials(loads)];
  const first = context.samples(FIRST_ROUNDS, 2);
  await runRounds(context, trials([ALONE]), { most: first, least: 2 });
  await runRounds(context, trials(LOADS), { most: context.samples(ROUNDS, 1), least: 0, from: first });
  return conclude(exits, samples.filter(({ run: { result } }) => result.end === 'done'));
}

/** One run of a mode. */
export async function measureMode(context: Pick<ExperimentContext, 'follow'>, mode: Mode, { vcpus, tasks }: Load, fetchNs: number, pages: number): Promise<MeasuredRun> {
  return measureRun(context, { uapi: UAPI, mode, vcpus, windowPages: pages, latencyNs: fetchNs, faultTasks: tasks, workTasks: 1, controlTicks: 0 });
}

const of = (samples: readonly Sample[], mode: Mode, load: Load, fetchNs: number): MeasuredRun[] => samples.filter((sample) => sample.mode === mode && sample.load === load && sample.fetchNs === fetchNs).map(({ run }) => run);

/** Latency of a fault alone without exits over that with, at these fetch latencies: one value a round. */
function protocolRatio(samples: readonly Sample[], fetches: readonly number[]): Estimate {
  return estimate(
    perRound(samples, (ofRound) => {
      const latency = (mode: Mode, fetchNs: number): number => of(ofRound, mode, ALONE, fetchNs).at(0)?.latencyNs ?? NaN;
      return median(fetches.map((fetchNs) => latency('apf-exitless', fetchNs) / Math.max(1, latency('apf-user', fetchNs))).filter(Number.isFinite));
    }),
  );
}

/** The round trip: one value a round, the middle one of its machines. */
function exitOf(exits: readonly ExitSample[]): Estimate {
  return estimate(perRound(exits, (ofRound) => median(ofRound.map(({ medianNs }) => medianNs))));
}

/** First-access latency of one task on one vCPU. */
function aloneNs(samples: readonly Sample[], mode: Mode, fetchNs: number): Estimate {
  return estimate(of(samples, mode, ALONE, fetchNs).map(({ latencyNs }) => latencyNs));
}

function figuresOf(exits: readonly ExitSample[], samples: readonly Sample[]): QuotedFigure[] {
  return [
    quoted('exit', "a fault exit's round trip", 'ns', exitOf(exits)),
    quoted('protocol', "the rings' protocol over ACCEPT and READY", 'ratio', protocolRatio(samples, QUICK_FETCHES_NS)),
    ...FETCH_LATENCIES_NS.map((fetchNs) => quoted(`latency/${fetchNs}`, `first access with exits, fetch ${formatDuration(fetchNs)}`, 'ns', aloneNs(samples, 'apf-user', fetchNs))),
  ].filter(({ units }) => units > 0);
}

function conclude(exits: readonly ExitSample[], samples: readonly Sample[]): Outcome {
  return {
    finding: find(exits, samples),
    changedBy: [
      'A native kernel with the rings: it saves the exit, which the emulation cannot; the bound says how much that can be.',
      'A fault exit that costs more than here (nested virtualization, confidential guests) moves the point where exitless stops to matter.',
      'Many vCPUs on few CPUs: exits of one vCPU thread then compete with its handler, which this host with few CPUs shows at 4 vCPUs.',
    ],
    notReproduced: [
      'Exitless faults: the stock kernel brings the fault as an exit all the same, and the ring entry is made after it. What differs in the runs is the protocol behind the exit alone.',
      'A handler in another process: the rings are memory of the VMM here, and the model of KVM runs in its threads.',
      'More than 4 vCPUs: there are not so many CPUs.',
    ],
    tables: [
      { id: 'exit', title: 'Round trip of a fault exit (KVM_RUN fails with EFAULT, is entered again)', rows: [exitRow(exits)] },
      { id: 'sweep', title: 'Exit against exitless', rows: LOADS.flatMap((load) => FETCH_LATENCIES_NS.map((fetchNs) => rowOf(samples, load, fetchNs, exitOf(exits).value))).filter((row) => row['rounds'] !== 0) },
    ],
    plots: [plotOf(samples)],
    figures: figuresOf(exits, samples),
  };
}

function exitRow(exits: readonly ExitSample[]): Row {
  const exit = exitOf(exits);
  return { exits: exits.reduce((total, { count }) => total + count, 0), machines: exits.length, rounds: exit.count, medianNs: exits.length === 0 ? null : exit.value, range: rangeText(exit, formatDuration) };
}

function rowOf(samples: readonly Sample[], load: Load, fetchNs: number, exitNs: number): Row {
  const [exit, exitless] = MODES.map((mode) => of(samples, mode, load, fetchNs));
  if (exit.length === 0 || exitless.length === 0) return { rounds: 0 };
  const mid = (runs: readonly MeasuredRun[], value: (run: MeasuredRun) => number): number => median(runs.map(value));
  return {
    vcpus: load.vcpus,
    tasks: load.tasks,
    fetch: formatDuration(fetchNs),
    rounds: Math.min(exit.length, exitless.length),
    exitLatencyNs: mid(exit, ({ latencyNs }) => latencyNs),
    exitlessLatencyNs: mid(exitless, ({ latencyNs }) => latencyNs),
    exitPagesPerSecond: mid(exit, ({ pagesPerSecond }) => pagesPerSecond),
    exitlessPagesPerSecond: mid(exitless, ({ pagesPerSecond }) => pagesPerSecond),
    publishedOnRing: exitless.reduce((total, { result }) => total + result.vcpus.exitless, 0),
    mostToSaveShare: load === ALONE ? exitNs / mid(exit, ({ latencyNs }) => latencyNs) : null,
  };
}

function find(exits: readonly ExitSample[], samples: readonly Sample[]): Finding {
  if (exits.length === 0) return { answered: false, why: 'no fault exit was seen: KVM_RUN did not fail with EFAULT' };
  const exitless = samples.filter(({ mode }) => mode === 'apf-exitless');
  const published = exitless.reduce((total, { run }) => total + run.result.vcpus.exitless, 0);
  if (published === 0) return { answered: false, why: 'no fault was published on a ring: nothing was exitless' };
  const astray = samples.find(({ run }) => run.notPresent !== run.ready);
  if (astray !== undefined) return { answered: false, why: `${astray.mode} with ${countOf(astray.load.vcpus, 'vCPU')} counts ${astray.run.notPresent} not-present and ${astray.run.ready} ready events` };
  const exit = exitOf(exits);
  const shares = FETCH_LATENCIES_NS.map((fetchNs) => ({ fetchNs, share: exit.value / median(of(samples, 'apf-user', ALONE, fetchNs).map(({ latencyNs }) => latencyNs)) })).filter(({ share }) => Number.isFinite(share));
  const negligible = shares.find(({ share }) => share < NEGLIGIBLE_SHARE);
  const protocol = protocolRatio(samples, QUICK_FETCHES_NS);
  return {
    answered: true,
    answer: negligible === undefined ? 'telling user space without an exit can save a noticeable part of a fault, however long the fetch takes' : 'telling user space without an exit can save a noticeable part of a fault for quick fetches only',
    verdict:
      `a fault exit's round trip takes ${formatDuration(exit.value)} (95 %: ${rangeText(exit, formatDuration)}, ${countOf(exits.length, 'machine')} in ${countOf(exit.count, 'round')}), which is all that exitless can save: at most ${shares.map(({ fetchNs, share }) => `${(share * 100).toFixed(0)} % at ${formatDuration(fetchNs)}`).join(', ')} of a fault's latency` +
      `${negligible === undefined ? '' : `; from a fetch of ${formatDuration(negligible.fetchNs)} on less than ${NEGLIGIBLE_SHARE * 100} %`}. Behind the exit, the rings' protocol takes ${(protocol.value * 100).toFixed(0)} % (95 %: ${rangeText(protocol, (ratio) => `${(ratio * 100).toFixed(0)} %`)}, ${countOf(protocol.count, 'round')}) of the time that ACCEPT and READY take here (${published.toLocaleString('en-US')} faults on rings); handlers in another process were not tried`,
  };
}

/** Below this nobody would change an interface for it. */
const NEGLIGIBLE_SHARE = 0.05;

function plotOf(samples: readonly Sample[]): PlotData {
  return {
    title: 'First-access latency of one task on one vCPU, by fetch latency',
    x: FETCH_LATENCIES_NS.map((fetchNs) => formatDuration(fetchNs)),
    y: 'log10 of us',
    log10Of: 'us',
    xNs: FETCH_LATENCIES_NS,
    xLabel: 'time to fetch a page',
    better: 'lower',
    load: 'The load is one task that faults and one that works on one vCPU, and not that of a bench: figures of the two are not to be compared.',
    lines: MODES.map((mode) => lineOf(mode, FETCH_LATENCIES_NS.map((fetchNs) => aloneNs(samples, mode, fetchNs)), log10Us, MODE_TITLES[mode])),
  };
}

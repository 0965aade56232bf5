/** Q5: exit or exitless. */
import { formatDuration } from '../../bench/index.js';
import { Kvm } from '../../kvm/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import type { Finding, Outcome, PlotData, Row } from '../frame/report.js';
import { estimate, median } from '../frame/statistics.js';
import { lacksForModes } from '../q1-spurious-pair/index.js';
import { FETCH_LATENCIES_NS, pagesFor } from '../workload/latency-sweep.js';
import { measureRun, type MeasuredRun } from '../workload/measured-run.js';
import { runRounds, type Trial } from '../workload/rounds.js';
import { faultExitNs } from './exit-cost.js';

const UAPI = 'async-pf-userfault-2026';
const ROUNDS = 16;
/** Rounds of one task alone that come first: the verdict is about them. */
const FIRST_ROUNDS = 3;
const EXITS = 3000;
/** One task alone shows the latency of a fault, eight a vCPU what the interface carries. */
const LOADS: readonly Load[] = [{ vcpus: 1, tasks: 1 }, { vcpus: 1, tasks: 8 }, { vcpus: 2, tasks: 8 }, { vcpus: 4, tasks: 8 }];
const [ALONE] = LOADS;
const MODES = ['apf-user', 'apf-exitless'] as const;
type Mode = (typeof MODES)[number];

/** What the guest does: tasks on each vCPU that fault. */
export interface Load {
  readonly vcpus: number;
  readonly tasks: number;
}

interface Sample {
  readonly mode: Mode;
  readonly load: Load;
  readonly fetchNs: number;
  readonly run: MeasuredRun;
}

/** See the module's comment. */
export const q5: Experiment = {
  id: 'q5',
  question: 'Exit or exitless: round-trip latency and throughput for 1 to 4 vCPUs and fetches of 0 to 10 ms; does exitless matter, and from which fetch time on does it not?',
  method: [
    'The 2026 design with exits (ACCEPT, READY) and with its rings, whose notification and completion go through shared memory; 1, 2 and 4 vCPUs at each fetch latency.',
    'On a stock kernel the fault comes as an exit in both: so the exit\'s own round trip is measured apart, and is the most that exitless could save.',
  ],
  lacks: lacksForModes,
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const kvm = Kvm.open();
  let exits: number[];
  try {
    context.progress('round trip of a fault exit', 0, 1);
    exits = await faultExitNs(kvm, context.samples(EXITS, 200));
  } finally {
    kvm.close();
  }
  const samples: Sample[] = [];
  const trials = (loads: readonly Load[]): Trial<void>[] =>
    FETCH_LATENCIES_NS.flatMap((fetchNs) =>
      loads.flatMap((load) =>
        MODES.map((mode) => ({
          title: `${mode}, ${load.vcpus} vCPUs of ${load.tasks} tasks, fetch ${formatDuration(fetchNs)}`,
          run: async (): Promise<void> => {
            samples.push({ mode, load, fetchNs, run: await measureMode(context, mode, load, fetchNs, pagesFor(fetchNs / Math.min(4, load.tasks))) });
          },
        })),
      ),
    );
  await runRounds(context, trials([ALONE]), { most: context.samples(FIRST_ROUNDS, 2), least: 1 });
  await runRounds(context, trials(LOADS), { most: context.samples(ROUNDS, 1), least: 0 });
  return conclude(exits, samples.filter(({ run: { result } }) => result.end === 'done'));
}

/** One run of a mode. */
export async function measureMode(context: Pick<ExperimentContext, 'follow'>, mode: Mode, { vcpus, tasks }: Load, fetchNs: number, pages: number): Promise<MeasuredRun> {
  return measureRun(context, { uapi: UAPI, mode, vcpus, windowPages: pages, latencyNs: fetchNs, faultTasks: tasks, workTasks: 1, controlTicks: 0 });
}

const of = (samples: readonly Sample[], mode: Mode, load: Load, fetchNs: number): MeasuredRun[] => samples.filter((sample) => sample.mode === mode && sample.load === load && sample.fetchNs === fetchNs).map(({ run }) => run);

/** Latency of a fault alone with exits over that without, in the same rounds. */
function ratios(samples: readonly Sample[], fetchNs: number): number[] {
  const exitless = of(samples, 'apf-exitless', ALONE, fetchNs);
  return of(samples, 'apf-user', ALONE, fetchNs).slice(0, exitless.length).map((run, at) => run.latencyNs / Math.max(1, exitless[at].latencyNs));
}

function conclude(exits: readonly number[], samples: readonly Sample[]): Outcome {
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
      { id: 'sweep', title: 'Exit against exitless', rows: LOADS.flatMap((load) => FETCH_LATENCIES_NS.map((fetchNs) => rowOf(samples, load, fetchNs, median(exits)))).filter((row) => row['rounds'] !== 0) },
    ],
    plots: [plotOf(samples)],
  };
}

function exitRow(exits: readonly number[]): Row {
  const { value, low, high } = estimate(exits);
  return { exits: exits.length, medianNs: exits.length === 0 ? null : value, range: `${formatDuration(low)} to ${formatDuration(high)}` };
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

function find(exits: readonly number[], samples: readonly Sample[]): Finding {
  if (exits.length === 0) return { answered: false, why: 'no fault exit was seen: KVM_RUN did not fail with EFAULT' };
  const exitless = samples.filter(({ mode }) => mode === 'apf-exitless');
  const published = exitless.reduce((total, { run }) => total + run.result.vcpus.exitless, 0);
  if (published === 0) return { answered: false, why: 'no fault was published on a ring: nothing was exitless' };
  const astray = samples.find(({ run }) => run.notPresent !== run.ready);
  if (astray !== undefined) return { answered: false, why: `${astray.mode} with ${astray.load.vcpus} vCPUs counts ${astray.run.notPresent} not-present and ${astray.run.ready} ready events` };
  const exit = estimate(exits);
  const shares = FETCH_LATENCIES_NS.map((fetchNs) => ({ fetchNs, share: exit.value / median(of(samples, 'apf-user', ALONE, fetchNs).map(({ latencyNs }) => latencyNs)) })).filter(({ share }) => Number.isFinite(share));
  const negligible = shares.find(({ share }) => share < NEGLIGIBLE_SHARE);
  const protocol = estimate(FETCH_LATENCIES_NS.filter((fetchNs) => fetchNs <= 100e3).flatMap((fetchNs) => ratios(samples, fetchNs)).map((ratio) => 1 / ratio));
  return {
    answered: true,
    answer: negligible === undefined ? 'exitless can save a noticeable share of a fault at every fetch latency' : 'exitless can matter for quick fetches only',
    verdict:
      `a fault exit's round trip takes ${formatDuration(exit.value)} (95 %: ${formatDuration(exit.low)} to ${formatDuration(exit.high)}), which is all that exitless can save: at most ${shares.map(({ fetchNs, share }) => `${(share * 100).toFixed(0)} % at ${formatDuration(fetchNs)}`).join(', ')} of a fault's latency` +
      `${negligible === undefined ? '' : `; from a fetch of ${formatDuration(negligible.fetchNs)} on less than ${NEGLIGIBLE_SHARE * 100} %`}. Behind the exit, the rings' protocol takes ${(protocol.value * 100).toFixed(0)} % (95 %: ${(protocol.low * 100).toFixed(0)} to ${(protocol.high * 100).toFixed(0)} %, ${protocol.count} pairs of runs) of the time that ACCEPT and READY take here (${published.toLocaleString('en-US')} faults on rings); handlers in another process were not tried`,
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
    lines: MODES.map((mode) => ({
      name: mode,
      values: FETCH_LATENCIES_NS.map((fetchNs) => {
        const latencies = of(samples, mode, ALONE, fetchNs).map(({ latencyNs }) => latencyNs);
        return latencies.length === 0 ? null : Math.log10(median(latencies) / 1e3);
      }),
    })),
  };
}

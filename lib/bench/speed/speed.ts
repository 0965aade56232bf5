/** Measures the figures of `speed` that were asked for. */
import { loadavg } from 'node:os';
import { Kvm, readHost } from '../../kvm/index.js';
import { packageVersion } from '../bench.js';
import { SPEED_FIGURE_NAMES, judge, type SpeedFigure, type SpeedFigureName } from './figures.js';
import { LOOP_NAMES, type LoopName } from './loops.js';
import { chooseCpus, measureRatios, type LoopRatio, type Ratios, type SidesFigure } from './ratios.js';
import { SPEED_REPORT_VERSION, type SpeedReport } from './report.js';
import { measureFlatness } from './flat-cost.js';
import { measureMemory, measureStart } from './processes.js';
import { WORK_FIGURE_NAMES, measureWork } from './work-kept.js';
import { accountLine } from '../account/index.js';
import { formatDuration } from '../duration.js';
import { median } from '../statistics.js';

/** What to measure, and how much of it. */
export interface SpeedOptions {
  /** All where left out. */
  readonly figures?: readonly SpeedFigureName[];
  /** Pairs of runs of each loop. */
  readonly rounds: number;
  /** Faults of a run. */
  readonly faults: number;
  /** Pages of the largest run of `flat`. */
  readonly mostPages: number;
}

/** Told how it goes on. */
export interface SpeedObserver {
  /** Before each run. */
  progress(what: string, done: number, total: number): void;
  /** True when nothing further should start. */
  interrupted(): boolean;
}

const TICK_NS = 4e6;
const SEED = 1;
/** Entries of the order of a port-out run: 64 round trips each. */
const RING_ENTRIES = 150;
/** Runs of very many pages take long. */
const MOST_FLAT_ROUNDS = 3;

/**
 * Runs what was asked for.
 * @throws FaultLabError `KVM_*` where there is no KVM for this user, what a machine or the C reference throws
 */
export async function measureSpeed(options: SpeedOptions, observer: SpeedObserver): Promise<SpeedReport> {
  // Once, and before the processes that are measured: they could only fail one by one, with all that Node says of that.
  Kvm.open().close();
  const startedAt = new Date().toISOString();
  const host = readHost();
  const [loadBefore] = loadavg();
  const wanted = SPEED_FIGURE_NAMES.filter((name) => options.figures?.includes(name) ?? true);
  const progress = (done: number, total: number, what: string): boolean => {
    observer.progress(what, done, total);
    return observer.interrupted();
  };
  const loops = LOOP_NAMES.filter((name) => wanted.includes(name));
  const cpus = chooseCpus();
  const { rounds, mostPages } = options;
  let ratios: Ratios | null = null;
  if (loops.length > 0) ratios = await measureRatios({ rounds: options.rounds, faults: options.faults, ringEntries: RING_ENTRIES, tickNs: TICK_NS, seed: SEED, loops, cpus, progress });
  const figures: SpeedFigure[] = (ratios?.loops ?? []).map(figureOf);
  const working = WORK_FIGURE_NAMES.filter((name) => wanted.includes(name));
  const work = working.length === 0 ? null : await measureWork({ figures: working, rounds, tickNs: TICK_NS, cpus, progress });
  figures.push(...(work?.figures ?? []));
  if (wanted.includes('start')) figures.push(...(await measureStart({ rounds, progress })));
  if (wanted.includes('memory')) figures.push(...(await measureMemory({ rounds, progress })));
  if (wanted.includes('flat')) figures.push(...(await measureFlatness({ mostPages, rounds: Math.min(rounds, MOST_FLAT_ROUNDS), tickNs: TICK_NS, cpus, progress })));
  return {
    speedVersion: SPEED_REPORT_VERSION,
    tool: { name: 'kvm-faultlab', version: packageVersion(), node: process.versions.node },
    startedAt,
    host,
    loadAverage: [loadBefore, loadavg()[0]],
    cpus,
    parameters: { rounds: options.rounds, faults: options.faults, mostPages, tickNs: TICK_NS, seed: SEED },
    figures,
    loops: ratios?.loops ?? [],
    vcpuTimes: work?.vcpuTimes ?? [],
    interrupted: observer.interrupted(),
  };
}

function figureOf({ loop, warm, cold, account }: LoopRatio): SpeedFigure {
  const notes = [sides(loop === 'port-out' ? 'a round trip' : 'second half of a run', warm)];
  if (cold !== null) notes.push(`${sides('first half, while the engine compiles', cold)}, ratio ${cold.ratio.value.toFixed(2)} (${cold.ratio.low.toFixed(2)} to ${cold.ratio.high.toFixed(2)})`);
  if (account !== null) notes.push(`TypeScript with time stamps, mean of a run, cold faults too: ${accountLine(account)}`);
  return judge(loop, warm.ratio, notes);
}

function sides(what: string, { typescriptNs, cNs }: SidesFigure): string {
  return `${what}: TypeScript ${formatDuration(median(typescriptNs))}, C ${formatDuration(median(cNs))}`;
}

/** True for a figure that both sides' loops make. */
export function isLoop(name: SpeedFigureName): name is LoopName {
  return (LOOP_NAMES as readonly string[]).includes(name);
}

/** Measures the figures of `speed` that were asked for. */
import { loadavg } from 'node:os';
import { readHost } from '../../kvm/index.js';
import { packageVersion } from '../bench.js';
import { SPEED_FIGURE_NAMES, judge, type SpeedFigure, type SpeedFigureName } from './figures.js';
import { LOOP_NAMES, type LoopName } from './loops.js';
import { measureRatios, type LoopRatio, type Ratios, type SidesFigure } from './ratios.js';
import { SPEED_REPORT_VERSION, type SpeedReport } from './report.js';
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

/**
 * Runs what was asked for.
 * @throws FaultLabError what a machine or the C reference throws
 */
export async function measureSpeed(options: SpeedOptions, observer: SpeedObserver): Promise<SpeedReport> {
  const startedAt = new Date().toISOString();
  const host = readHost();
  const [loadBefore] = loadavg();
  const wanted = SPEED_FIGURE_NAMES.filter((name) => options.figures?.includes(name) ?? true);
  const progress = (done: number, total: number, what: string): boolean => {
    observer.progress(what, done, total);
    return observer.interrupted();
  };
  const loops = LOOP_NAMES.filter((name) => wanted.includes(name));
  let ratios: Ratios | null = null;
  if (loops.length > 0) ratios = await measureRatios({ rounds: options.rounds, faults: options.faults, ringEntries: RING_ENTRIES, tickNs: TICK_NS, seed: SEED, loops, progress });
  const figures: SpeedFigure[] = (ratios?.loops ?? []).map(figureOf);
  return {
    speedVersion: SPEED_REPORT_VERSION,
    tool: { name: 'kvm-faultlab', version: packageVersion(), node: process.versions.node },
    startedAt,
    host,
    loadAverage: [loadBefore, loadavg()[0]],
    cpus: ratios?.cpus ?? null,
    parameters: { rounds: options.rounds, faults: options.faults, tickNs: TICK_NS, seed: SEED },
    figures,
    loops: ratios?.loops ?? [],
    interrupted: observer.interrupted(),
  };
}

function figureOf({ loop, warm, cold }: LoopRatio): SpeedFigure {
  const notes = [sides(loop === 'port-out' ? 'a round trip' : 'second half of a run', warm)];
  if (cold !== null) notes.push(`${sides('first half, while the engine compiles', cold)}, ratio ${cold.ratio.value.toFixed(2)} (${cold.ratio.low.toFixed(2)} to ${cold.ratio.high.toFixed(2)})`);
  return judge(loop, warm.ratio, notes);
}

function sides(what: string, { typescriptNs, cNs }: SidesFigure): string {
  return `${what}: TypeScript ${formatDuration(median(typescriptNs))}, C ${formatDuration(median(cNs))}`;
}

/** True for a figure that both sides' loops make. */
export function isLoop(name: SpeedFigureName): name is LoopName {
  return (LOOP_NAMES as readonly string[]).includes(name);
}

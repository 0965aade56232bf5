/** Runs every loop by both sides, interleaved: what TypeScript costs is a ratio of runs that stood side by side. */
import { nativeAddon } from '../../native/index.js';
import { estimate, type Estimate } from '../statistics.js';
import { visitingOrder } from '../random.js';
import { makeLoopFiles, type LoopFiles } from './files.js';
import { LOOPS, LOOP_NAMES, type LoopName } from './loops.js';
import type { FaultAccount } from '../account/index.js';
import { accountForLoop, runLoop, type LoopSample, type Side, type SideOptions } from './sides.js';

/** How much to run. */
export interface RatioOptions {
  /** Runs of each loop by each side. */
  readonly rounds: number;
  /** Faults of a run. */
  readonly faults: number;
  /** Entries of the order of a port-out run: `DOORBELL_RINGS` round trips each. */
  readonly ringEntries: number;
  /** Tick of the guest's scheduler, ns. */
  readonly tickNs: number;
  /** Loops to run; all where left out. */
  readonly loops?: readonly LoopName[];
  readonly seed: number;
  readonly cpus: SideOptions['cpus'];
  /** Told before each run; true ends the measurement with what there is. */
  readonly progress?: (done: number, total: number, what: string) => boolean;
}

/** A figure of both sides, by run in the order in which they were made, and what it came to. */
export interface SidesFigure {
  readonly typescriptNs: readonly number[];
  readonly cNs: readonly number[];
  /** Of TypeScript to C, pair by pair: its median and the 95 % interval of that. */
  readonly ratio: Estimate;
}

/** One loop, by the guest's clock. */
export interface LoopRatio {
  readonly loop: LoopName;
  /** A round trip, or a fault from access to resume (the middle one of the second half of a run). */
  readonly warm: SidesFigure;
  /** The same of the first half, while the engine still compiles; null for round trips. */
  readonly cold: SidesFigure | null;
  /** Where a fault's time went in one more run of this program, with time stamps; null for round trips, and where it was interrupted before. */
  readonly account: FaultAccount | null;
}

/** What {@link measureRatios} came to. */
export interface Ratios {
  readonly faults: number;
  readonly loops: readonly LoopRatio[];
}

/**
 * Measures every loop. The order of the two sides alternates from round to round.
 * @throws FaultLabError what a machine or the reference throws; `SPEED_INTEGRITY`
 */
export async function measureRatios(options: RatioOptions): Promise<Ratios> {
  const loops = options.loops ?? LOOP_NAMES;
  const { cpus } = options;
  const accounts = new Map<LoopName, FaultAccount | null>();
  const samples = new Map(loops.map((name) => [name, { typescript: [] as LoopSample[], c: [] as LoopSample[] }]));
  const files: LoopFiles[] = [];
  try {
    const faultFiles = makeLoopFiles((pages) => visitingOrder('random', pages, options.faults, options.seed));
    files.push(faultFiles);
    const ringFiles = makeLoopFiles(() => new Uint32Array(options.ringEntries));
    files.push(ringFiles);
    const runs = plan(options.rounds, loops);
    let interrupted = false;
    for (const [done, { name, side }] of runs.entries()) {
      if (options.progress?.(done, runs.length, `${name}, ${side === 'c' ? 'C' : 'TypeScript'}`) === true) {
        interrupted = true;
        break;
      }
      const loop = LOOPS[name];
      const sample = await runLoop(side, loop, { files: loop.guest === 'doorbell' ? ringFiles : faultFiles, tickNs: options.tickNs, cpus });
      samples.get(name)?.[side].push(sample);
    }
    for (const name of interrupted ? [] : loops) accounts.set(name, await accountForLoop(LOOPS[name], { files: faultFiles, tickNs: options.tickNs, cpus }));
  } finally {
    for (const each of files) each.close();
  }
  return { faults: options.faults, loops: loops.flatMap((name) => ratioOf(name, samples.get(name)?.typescript ?? [], samples.get(name)?.c ?? [], accounts.get(name) ?? null)) };
}

/** Every run, in order: who begins alternates from round to round. */
function plan(rounds: number, loops: readonly LoopName[]): { name: LoopName; side: Side }[] {
  return Array.from({ length: rounds }, (_, round) => round).flatMap((round) =>
    loops.flatMap((name) => (round % 2 === 0 ? (['typescript', 'c'] as const) : (['c', 'typescript'] as const)).map((side) => ({ name, side }))),
  );
}

/** Of the pairs that are whole; nothing where there is none. */
function ratioOf(loop: LoopName, typescript: readonly LoopSample[], c: readonly LoopSample[], account: FaultAccount | null): LoopRatio[] {
  const pairs = Math.min(typescript.length, c.length);
  if (pairs === 0) return [];
  const figure = (of: (sample: LoopSample) => number): SidesFigure => {
    const typescriptNs = typescript.slice(0, pairs).map(of);
    const cNs = c.slice(0, pairs).map(of);
    return { typescriptNs, cNs, ratio: estimate(typescriptNs.map((ns, at) => ns / cNs[at])) };
  };
  const hasCold = typescript[0].coldNs !== null && c[0].coldNs !== null;
  return [{ loop, warm: figure(({ warmNs }) => warmNs), cold: hasCold ? figure(({ coldNs }) => coldNs ?? NaN) : null, account }];
}

/** The first CPU for the vCPU and the second for the resolver, of those that this process may use. */
export function chooseCpus(): SideOptions['cpus'] {
  const [vcpu, resolver] = nativeAddon().getAffinity() as (number | undefined)[];
  return vcpu === undefined || resolver === undefined ? null : { vcpu, resolver };
}

/** One run of a loop by one side: this program's machine, or the C reference. Both runs end in the same figures, taken by the guest. */
import { FaultLabError } from '../../errors/index.js';
import { imageSource } from '../../faults/index.js';
import { DOORBELL_RINGS, guestElf } from '../../guest/index.js';
import { Machine, type MachineResult, type Placement } from '../../machine/index.js';
import { accountOf, type FaultAccount } from '../account/index.js';
import { checkIntegrity } from '../checks.js';
import { median } from '../statistics.js';
import { readTable, type LoopFiles } from './files.js';
import type { Loop } from './loops.js';
import { runReference } from './reference.js';

/** Who runs the loop. */
export type Side = 'typescript' | 'c';

/** What a run came to. */
export interface LoopSample {
  /** A round trip, or the middle one of the faults of the second half from access to resume, ns. */
  readonly warmNs: number;
  /** The middle one of the faults of the first half, while the engine still compiles; null for round trips. */
  readonly coldNs: number | null;
}

/** How to run. */
export interface SideOptions {
  readonly files: LoopFiles;
  readonly tickNs: number;
  /** CPUs of the vCPU's and the resolver's thread; null: wherever the scheduler likes. */
  readonly cpus: { readonly vcpu: number; readonly resolver: number } | null;
}

/**
 * Runs a loop once.
 * @throws FaultLabError what the machine or the reference throws; `SPEED_INTEGRITY` when a page was not what it should be
 */
export async function runLoop(side: Side, loop: Loop, options: SideOptions): Promise<LoopSample> {
  return side === 'typescript' ? runTypeScript(loop, options) : runC(loop, options);
}

async function runTypeScript(loop: Loop, options: SideOptions): Promise<LoopSample> {
  const { files } = options;
  const result = await runMachine(loop, options, false);
  if (loop.guest === 'doorbell') return { warmNs: roundTripNs(result.guest[0].paging.tscCycles, result.tscKhz, files), coldNs: null };
  return middleNs(result.latencyCycles, files.order, result.tscKhz);
}

/**
 * Runs a loop once more by this program, with time stamps: where the time of a fault goes. Null for a loop without faults.
 * @throws FaultLabError as {@link runLoop}
 */
export async function accountForLoop(loop: Loop, options: SideOptions): Promise<FaultAccount | null> {
  return loop.guest === 'doorbell' ? null : accountOf(loop.mode, await runMachine(loop, options, true));
}

async function runMachine(loop: Loop, { files, tickNs, cpus }: SideOptions, stamps: boolean): Promise<MachineResult> {
  const placement: { placement?: Placement } = cpus === null ? {} : { placement: { vcpus: [[cpus.vcpu]], resolvers: [[cpus.resolver]] } };
  const machine = await Machine.create({
    mode: loop.mode,
    windowPages: files.image.pageCount,
    source: imageSource({ path: files.image.path, sizeBytes: files.image.sizeBytes }),
    order: files.order,
    expected: files.expected,
    faultTasks: loop.faultTasks,
    workTasks: loop.workTasks,
    tickNs,
    guestPath: guestElf(loop.guest),
    stamps,
    ...placement,
  });
  try {
    const result = await machine.run();
    if (loop.guest !== 'doorbell') requireIntegrity('this program', checkIntegrity(files.order, files.expected, result).exact);
    return result;
  } finally {
    await machine.close();
  }
}

async function runC(loop: Loop, { files, tickNs, cpus }: SideOptions): Promise<LoopSample> {
  const { guest, paging, tscKhz } = await runReference({
    guest: guestElf(loop.guest),
    mode: loop.mode,
    order: files.orderPath,
    windowPages: files.image.pageCount,
    image: files.image.path,
    expected: files.expectedPath,
    sumsOut: files.sumsPath,
    latenciesOut: files.latenciesPath,
    faultTasks: loop.faultTasks,
    workTasks: loop.workTasks,
    tickNs,
    ...(cpus === null ? {} : { vcpuCpu: cpus.vcpu, resolverCpu: cpus.resolver }),
  });
  if (loop.guest === 'doorbell') return { warmNs: roundTripNs(paging.tscCycles, tscKhz, files), coldNs: null };
  const sums = new Int32Array(readTable(files.sumsPath).buffer);
  const right = Array.prototype.every.call(files.order, (page: number) => sums[2 * page] === files.expected[2 * page] && sums[2 * page + 1] === files.expected[2 * page + 1]);
  requireIntegrity('the C reference', right && guest.mismatches === 0 && guest.pages === files.order.length);
  return middleNs(readTable(files.latenciesPath), files.order, tscKhz);
}

function roundTripNs(cycles: number, tscKhz: number, files: LoopFiles): number {
  return (cycles / tscKhz) * 1e6 / (files.order.length * DOORBELL_RINGS);
}

/** The middle one of each half of the faults, in visiting order: with one fault task that is the order in which they happened. */
function middleNs(cycles: BigUint64Array, order: Uint32Array, tscKhz: number): LoopSample {
  const ns = Array.from(order, (page) => (Number(cycles[page]) / tscKhz) * 1e6);
  const half = Math.floor(ns.length / 2);
  return { warmNs: median(ns.slice(half)), coldNs: median(ns.slice(0, half)) };
}

/**
 * Ends the measurement unless every page was right.
 * @throws FaultLabError `SPEED_INTEGRITY`
 */
export function requireIntegrity(who: string, right: boolean): void {
  if (!right) throw new FaultLabError('SPEED_INTEGRITY', `a page that ${who} brought is not what the image has: its figures are worth nothing`);
}

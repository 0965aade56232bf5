/** What a machine is made of, checked. */
import { FaultLabError } from '../errors/index.js';
import type { PageSourceModule } from '../faults/index.js';
import { MAX_ORDER_ENTRIES, MAX_TASKS, MAX_VCPUS, MAX_WINDOW_PAGES } from '../guest/index.js';
import { MAX_LATENCY_NS, MAX_RESOLVERS, MAX_TICK_NS, MIN_TICK_NS } from './limits.js';
import type { MemoryFailureHandlerModule } from './memory-failure-handler.js';
import { MODE_NAMES, isDeliveryMode, type DeliveryMode } from './modes.js';

/** Options of {@link Machine.create}. Sizes in pages of 4 KiB, times in ns. */
export interface MachineOptions {
  readonly mode: DeliveryMode;
  /** Pages of the demand-paged window. */
  readonly windowPages: number;
  /** Where their contents come from. */
  readonly source: PageSourceModule;
  /** Pages in the order they are visited, each as often as it is named; every page once in ascending order when left out. */
  readonly order?: Uint32Array;
  /** Checksums by page (two 32-bit lanes each) that the guest compares with what it sees. */
  readonly expected?: Int32Array;
  /** Default 1. */
  readonly vcpus?: number;
  /** Tasks on each vCPU that visit pages. Default 8. */
  readonly faultTasks?: number;
  /** Tasks on each vCPU that count. Default 2. */
  readonly workTasks?: number;
  /** Added to every page request, as a network or a disk would. Default 0. */
  readonly latencyNs?: number;
  /** Resolver Workers. Default 1. */
  readonly resolvers?: number;
  /** Scheduler tick of the guest. Default 4 ms. */
  readonly tickNs?: number;
  /** Length of each control phase, before and after paging, in ticks. Default 0: none. */
  readonly controlTicks?: number;
  /** What to do about poisoned memory; when left out, an access to it ends the run with `MEMORY_POISONED`. */
  readonly memoryFailureHandler?: MemoryFailureHandlerModule;
  /** Another guest than the project's own: path of an ELF file. */
  readonly guestPath?: string;
  /** No page and no phase moving on for this long (besides the latency) means that the machine is stuck. Default 30 s. */
  readonly stallNs?: number;
}

/** {@link MachineOptions} with every default filled in. */
export type CheckedOptions = Required<Omit<MachineOptions, OptionalName>> & Pick<MachineOptions, OptionalName>;
type OptionalName = 'expected' | 'guestPath' | 'memoryFailureHandler';

/**
 * Checks options and fills in defaults.
 * @throws FaultLabError `BAD_OPTION` that names the option, what it was, and what it may be
 */
export function checkOptions(options: MachineOptions): CheckedOptions {
  if (!isDeliveryMode(options.mode)) {
    throw new FaultLabError('BAD_OPTION', `unknown mode '${String(options.mode)}'`, { hint: `modes are ${MODE_NAMES.join(', ')}` });
  }
  const windowPages = integer('windowPages', options.windowPages, 1, MAX_WINDOW_PAGES);
  const faultTasks = integer('faultTasks', options.faultTasks ?? 8, 1, MAX_TASKS);
  const workTasks = integer('workTasks', options.workTasks ?? 2, 0, MAX_TASKS - 1);
  if (faultTasks + workTasks > MAX_TASKS) {
    throw new FaultLabError('BAD_OPTION', `${faultTasks} fault tasks and ${workTasks} work tasks are more than the ${MAX_TASKS} a vCPU can have`);
  }
  if (options.expected !== undefined && options.expected.length !== 2 * windowPages) {
    throw new FaultLabError('BAD_OPTION', `the option expected must have two lanes for each of ${windowPages} pages, not ${options.expected.length}`);
  }
  return {
    ...options,
    windowPages,
    faultTasks,
    workTasks,
    order: checkOrder(options.order, windowPages),
    vcpus: integer('vcpus', options.vcpus ?? 1, 1, MAX_VCPUS),
    latencyNs: integer('latencyNs', options.latencyNs ?? 0, 0, MAX_LATENCY_NS),
    resolvers: integer('resolvers', options.resolvers ?? 1, 1, MAX_RESOLVERS),
    tickNs: integer('tickNs', options.tickNs ?? 4e6, MIN_TICK_NS, MAX_TICK_NS),
    controlTicks: integer('controlTicks', options.controlTicks ?? 0, 0, 1e6),
    stallNs: integer('stallNs', options.stallNs ?? 30e9, 1e9, 3600e9),
  };
}

function checkOrder(order: Uint32Array | undefined, windowPages: number): Uint32Array {
  if (order === undefined) return Uint32Array.from({ length: windowPages }, (_, page) => page);
  integer('order.length', order.length, 0, MAX_ORDER_ENTRIES);
  for (const page of order) {
    if (page >= windowPages) throw new FaultLabError('BAD_OPTION', `the option order names page ${page}, but the window has ${windowPages} pages`);
  }
  return order;
}

function integer(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new FaultLabError('BAD_OPTION', `the option ${name} must be a whole number from ${least} to ${most}, not ${value}`);
  }
  return value;
}

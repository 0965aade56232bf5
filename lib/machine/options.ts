/** What a machine is made of, checked. */
import { FaultLabError } from '../errors/index.js';
import { CONSTANT, builtInPolicy, type FaultPolicyModule, type LatencyModel, type PageSourceModule, type QuickPages } from '../faults/index.js';
import { MAX_ORDER_ENTRIES, MAX_TASKS, MAX_VCPUS, MAX_WINDOW_PAGES, TRAP_CHOICES, isTrapChoice, type TrapChoice } from '../guest/index.js';
import type { CapabilityNumbers } from '../kvm/index.js';
import { MAX_IN_FLIGHT, MAX_LATENCY_NS, MAX_RESOLVERS, MAX_TICK_NS, MIN_TICK_NS } from './limits.js';
import type { MemoryFailureHandlerModule } from './memory-failure-handler.js';
import { ASYNC_PF_PER_VCPU } from '../uapi/index.js';
import type { TraceOptions } from './trace/machine-trace.js';
import { isUapiName, UAPI_NAMES, type UapiName } from '../uapi/proposals/index.js';
import { MODES, MODE_NAMES, UAPI_MODES, isDeliveryMode, type DeliveryMode } from './modes.js';

/** Options of {@link Machine.create}. Sizes in pages of 4 KiB, times in ns. */
export interface MachineOptions {
  /** One of UAPI_MODES of the profile. */
  readonly mode: DeliveryMode;
  /** Interface between KVM and user space: `stock`, or a proposal's. Default `stock`. */
  readonly uapi?: UapiName;
  /** `native`: by the kernel's own ioctls, or not at all; `emulated`: never by them. Default `auto`: native where the kernel has the profile. */
  readonly implementation?: 'auto' | 'native' | 'emulated';
  /** Capability numbers of a proposal on this kernel, by UapiCapability.option; those of the profile where left out. */
  readonly capabilities?: CapabilityNumbers;
  /**
   * Who decides whether a vCPU waits for a page that could be left to the guest. Asked in the modes `apf-user` and, for what finds its ring full,
   * `apf-exitless`. Default: always left to the guest.
   */
  readonly policy?: FaultPolicyModule;
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
  /** How latencies are spread; `latencyNs` is their mean where the model has one. Default: all the same. */
  readonly latencyModel?: LatencyModel;
  /** Most fetches of all resolvers together under way at once, at least one for each resolver. Default 0: no limit. */
  readonly inFlight?: number;
  /** Pages that take another latency than the others: two-speed storage. Default: none. */
  readonly quick?: QuickPages;
  /** Resolver Workers. Default 1. */
  readonly resolvers?: number;
  /** Whether KVM may halt a vCPU that it need not block for a page (ModeTraits.syntheticHalt). Only where the faulting thread sleeps. Default: the mode's. */
  readonly syntheticHalt?: boolean;
  /** A smaller queue and smaller rings than a proposal has, where it is emulated. */
  readonly uapiLimits?: UapiLimits;
  /**
   * `shared`: one userfaultfd for the whole window, read by all resolvers. `per-resolver`: one for each of as many equal parts of the window, read by one
   * resolver each; in the modes whose faults sleep. Default `shared`.
   */
  readonly userfaultfds?: UserfaultfdLayout;
  /** Every page of the order is in place before the guest starts. Default false. */
  readonly populate?: boolean;
  /** Pages that resolvers fetch without being asked as soon as the guest asks for its first one, in this order. Default: none. */
  readonly prefetch?: Uint32Array;
  /** Keeps the order in which pages were asked for. Default false. */
  readonly recordRequests?: boolean;
  /** Threads keep time stamps and the guest its own: {@link MachineResult.stamps}. Default false. */
  readonly stamps?: boolean;
  /** CPUs that the machine's threads are bound to. Default: none, the host's scheduler decides. */
  readonly placement?: Placement;
  /** Scheduler tick of the guest. Default 4 ms. */
  readonly tickNs?: number;
  /** Length of each control phase, before and after paging, in ticks. Default 0: none. */
  readonly controlTicks?: number;
  /** What to do about poisoned memory; when left out, an access to it ends the run with `MEMORY_POISONED`. */
  readonly memoryFailureHandler?: MemoryFailureHandlerModule;
  /** By which instruction the guest's tasks trap. Default `auto`: the best one that works on this host. */
  readonly trap?: TrapChoice;
  /** Another guest than the project's own: path of an ELF file. */
  readonly guestPath?: string;
  /** Record what threads and tasks do, for a timeline. Default: nothing. */
  readonly trace?: TraceOptions;
  /** No page and no phase moving on for this long (besides the latency) means that the machine is stuck. Default 30 s. */
  readonly stallNs?: number;
}

/** Limits of an emulated proposal's interface. */
export interface UapiLimits {
  /** Most async page faults outstanding on a vCPU, 1 to 64. Default 64. */
  readonly outstanding?: number;
  /** Entries of a notification or completion ring, a power of two up to 64. Default 64. */
  readonly ringEntries?: number;
}

/** See {@link MachineOptions.userfaultfds}. */
export type UserfaultfdLayout = 'shared' | 'per-resolver';

/** CPUs of the threads of a machine, each a list to be bound to. */
export interface Placement {
  /** By vCPU. */
  readonly vcpus: readonly (readonly number[])[];
  /** By resolver. */
  readonly resolvers: readonly (readonly number[])[];
}

/** {@link MachineOptions} with every default filled in. */
export type CheckedOptions = Required<Omit<MachineOptions, OptionalName>> & Pick<MachineOptions, OptionalName>;
type OptionalName = 'expected' | 'guestPath' | 'memoryFailureHandler' | 'placement' | 'prefetch' | 'quick' | 'trace' | 'uapiLimits';

/**
 * Checks options and fills in defaults.
 * @throws FaultLabError `BAD_OPTION` that names the option, what it was, and what it may be
 */
export function checkOptions(options: MachineOptions): CheckedOptions {
  if (!isDeliveryMode(options.mode)) {
    throw new FaultLabError('BAD_OPTION', `unknown mode '${String(options.mode)}'`, { hint: `modes are ${MODE_NAMES.join(', ')}` });
  }
  const uapi = options.uapi ?? 'stock';
  if (!isUapiName(uapi)) throw new FaultLabError('BAD_OPTION', `unknown uAPI profile '${String(uapi)}'`, { hint: `profiles are ${UAPI_NAMES.join(', ')}` });
  if (!UAPI_MODES[uapi].includes(options.mode)) {
    throw new FaultLabError('BAD_OPTION', `the uAPI profile ${uapi} has no mode ${options.mode}`, { hint: `its modes are ${UAPI_MODES[uapi].join(', ')}` });
  }
  checkQuick(options.quick);
  checkUapiLimits(options.uapiLimits);
  if (MODES[options.mode].catches !== 'sleep' && options.syntheticHalt === true) throw new FaultLabError('BAD_OPTION', `the mode ${options.mode} must see the failed access, which KVM's synthetic halt hides`);
  checkTrace(options.trace);
  const windowPages = integer('windowPages', options.windowPages, 1, MAX_WINDOW_PAGES);
  const faultTasks = integer('faultTasks', options.faultTasks ?? 8, 1, MAX_TASKS);
  const workTasks = integer('workTasks', options.workTasks ?? 2, 0, MAX_TASKS - 1);
  if (faultTasks + workTasks > MAX_TASKS) {
    throw new FaultLabError('BAD_OPTION', `${faultTasks} fault tasks and ${workTasks} work tasks are more than the ${MAX_TASKS} a vCPU can have`);
  }
  if (options.expected !== undefined && options.expected.length !== 2 * windowPages) {
    throw new FaultLabError('BAD_OPTION', `the option expected must have two lanes for each of ${windowPages} pages, not ${options.expected.length}`);
  }
  const vcpus = integer('vcpus', options.vcpus ?? 1, 1, MAX_VCPUS);
  const resolvers = integer('resolvers', options.resolvers ?? 1, 1, MAX_RESOLVERS);
  const inFlight = integer('inFlight', options.inFlight ?? 0, 0, MAX_IN_FLIGHT);
  if (inFlight > 0 && inFlight < resolvers) {
    throw new FaultLabError('BAD_OPTION', `at most ${inFlight} fetches in flight leave none to some of ${resolvers} resolvers`, { hint: 'allow one for each resolver at least' });
  }
  return {
    ...options,
    uapi,
    implementation: checkImplementation(options.implementation ?? 'auto'),
    capabilities: options.capabilities ?? {},
    policy: options.policy ?? builtInPolicy({ name: 'always-async' }),
    stamps: options.stamps ?? false,
    windowPages,
    faultTasks,
    workTasks,
    order: checkPages('order', options.order ?? Uint32Array.from({ length: windowPages }, (_, page) => page), windowPages),
    ...(options.prefetch === undefined ? {} : { prefetch: Uint32Array.from(new Set(checkPages('prefetch', options.prefetch, windowPages))) }),
    populate: options.populate ?? false,
    recordRequests: options.recordRequests ?? false,
    userfaultfds: checkUserfaultfds(options.userfaultfds ?? 'shared', options.mode),
    ...(options.placement === undefined ? {} : { placement: checkPlacement(options.placement, vcpus, resolvers) }),
    vcpus,
    latencyNs: integer('latencyNs', options.latencyNs ?? 0, 0, MAX_LATENCY_NS),
    latencyModel: checkModel(options.latencyModel ?? CONSTANT),
    inFlight,
    trap: checkTrap(options.trap ?? 'auto'),
    resolvers,
    syntheticHalt: options.syntheticHalt ?? MODES[options.mode].syntheticHalt,
    tickNs: integer('tickNs', options.tickNs ?? 4e6, MIN_TICK_NS, MAX_TICK_NS),
    controlTicks: integer('controlTicks', options.controlTicks ?? 0, 0, 1e6),
    stallNs: integer('stallNs', options.stallNs ?? 30e9, 1e9, 3600e9),
  };
}

function checkPages(name: string, pages: Uint32Array, windowPages: number): Uint32Array {
  integer(`${name}.length`, pages.length, 0, MAX_ORDER_ENTRIES);
  for (const page of pages) {
    if (page >= windowPages) throw new FaultLabError('BAD_OPTION', `the option ${name} names page ${page}, but the window has ${windowPages} pages`);
  }
  return pages;
}

function checkUserfaultfds(layout: string, mode: DeliveryMode): UserfaultfdLayout {
  if (layout !== 'shared' && layout !== 'per-resolver') throw new FaultLabError('BAD_OPTION', `unknown layout of userfaultfds '${layout}'`, { hint: 'there are shared and per-resolver' });
  if (layout === 'per-resolver' && MODES[mode].catches !== 'sleep') throw new FaultLabError('BAD_OPTION', `in mode ${mode} nobody reads a userfaultfd: it has no per-resolver ones`);
  return layout;
}

function checkPlacement(placement: Placement, vcpus: number, resolvers: number): Placement {
  if (placement.vcpus.length !== vcpus || placement.resolvers.length !== resolvers) {
    throw new FaultLabError('BAD_OPTION', `the option placement must have CPUs for each of ${vcpus} vCPUs and ${resolvers} resolvers`);
  }
  return placement;
}

function checkModel(model: LatencyModel): LatencyModel {
  if (model.kind !== 'recorded') return model;
  const { ascendingNs } = model;
  if (ascendingNs.length === 0) throw new FaultLabError('BAD_OPTION', 'the option latencyModel has no recorded latency');
  ascendingNs.forEach((ns, at) => {
    if (!(ns >= 0 && ns <= MAX_LATENCY_NS) || (at > 0 && ns < ascendingNs[at - 1])) {
      throw new FaultLabError('BAD_OPTION', `the recorded latencies of the option latencyModel must be ascending, from 0 to ${MAX_LATENCY_NS} ns each; number ${at} is ${ns}`);
    }
  });
  return model;
}

function checkImplementation(name: string): NonNullable<MachineOptions['implementation']> {
  if (name !== 'auto' && name !== 'native' && name !== 'emulated') {
    throw new FaultLabError('BAD_OPTION', `unknown implementation '${name}'`, { hint: 'there are auto, native and emulated' });
  }
  return name;
}

function checkQuick(quick: QuickPages | undefined): void {
  if (quick === undefined) return;
  if (!(quick.share >= 0 && quick.share <= 1)) throw new FaultLabError('BAD_OPTION', `the option quick.share must be from 0 to 1, not ${quick.share}`);
  integer('quick.latencyNs', quick.latencyNs, 0, MAX_LATENCY_NS);
  integer('quick.seed', quick.seed, 0, 2 ** 31 - 1);
}

function checkUapiLimits(limits: UapiLimits | undefined): void {
  if (limits?.outstanding !== undefined) integer('uapiLimits.outstanding', limits.outstanding, 1, ASYNC_PF_PER_VCPU);
  if (limits?.ringEntries === undefined) return;
  const entries = integer('uapiLimits.ringEntries', limits.ringEntries, 1, ASYNC_PF_PER_VCPU);
  if ((entries & (entries - 1)) !== 0) throw new FaultLabError('BAD_OPTION', `the option uapiLimits.ringEntries must be a power of two, not ${entries}`);
}

function checkTrace(trace: TraceOptions | undefined): void {
  if (trace === undefined) return;
  integer('trace.records', trace.records, 1, 2 ** 24);
  integer('trace.spans', trace.spans, 1, 2 ** 20);
  integer('trace.gapCycles', trace.gapCycles, 0, 2 ** 32 - 1);
}

function checkTrap(trap: string): TrapChoice {
  if (!isTrapChoice(trap)) throw new FaultLabError('BAD_OPTION', `unknown trap '${trap}'`, { hint: `traps are ${TRAP_CHOICES.join(', ')}` });
  return trap;
}

function integer(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new FaultLabError('BAD_OPTION', `the option ${name} must be a whole number from ${least} to ${most}, not ${value}`);
  }
  return value;
}

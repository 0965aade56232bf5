/**
 * Named counters in shared memory: each block has one writer (the Worker that owns it) and any number of readers. A 64-bit float holds
 * every integer that a run can count, and its store is one instruction.
 */

/** A block of counters: read and written as plain properties. */
export type Counters<Name extends string> = Record<Name, number>;

/** Bytes of `count` blocks with these names. */
export function countersSizeBytes(names: readonly string[], count: number): number {
  return names.length * count * Float64Array.BYTES_PER_ELEMENT;
}

/**
 * Block `index` of the blocks in `buffer`.
 * @throws RangeError when the buffer is too short
 */
export function openCounters<const Name extends string>(names: readonly Name[], buffer: SharedArrayBuffer, index: number): Counters<Name> {
  const values = new Float64Array(buffer, index * countersSizeBytes(names, 1), names.length);
  const block = {};
  names.forEach((name, at) => {
    Object.defineProperty(block, name, {
      enumerable: true,
      get: () => values[at],
      set: (value: number) => {
        values[at] = value;
      },
    });
  });
  return block as Counters<Name>;
}

/** Sums blocks name by name into a plain object. */
export function sumCounters<Name extends string>(names: readonly Name[], blocks: readonly Counters<Name>[]): Counters<Name> {
  return Object.fromEntries(names.map((name) => [name, blocks.reduce((total, block) => total + block[name], 0)])) as Counters<Name>;
}

/** What a vCPU Worker counts. */
export const VCPU_COUNTERS = [
  /** Returns of KVM_RUN. */
  'exits',
  /** Returns because the guest rang the doorbell. */
  'doorbells',
  /** Returns because the guest accessed a filtered MSR. */
  'msrExits',
  /** Returns because a page could not be had: with EFAULT, or as MMIO. Each is one of the next four. */
  'faultExits',
  /** Returns with EINTR: a kick or the end of a slice. */
  'interruptions',
  /** EFAULT returns whose missing page KVM named (KVM_EXIT_MEMORY_FAULT). */
  'foundByExitGpa',
  /** EFAULT returns whose missing pages were found by decoding the instruction. */
  'foundByDecoding',
  /** Accesses to missing pages that KVM's emulator brought as KVM_EXIT_MMIO. */
  'foundByMmio',
  /** EFAULT returns for which every page was present by the time it was looked at. */
  'spuriousFaults',
  /** Accesses that met poisoned memory, or news of some. */
  'memoryFailures',
  /** Faults for which the vCPU waited. */
  'syncWaits',
  /** Of those, faults the guest could have been told of but for its state (CPL0, IF=0, too many outstanding, same gfn). */
  'refusedAsync',
  /** Faults that could have been left to the guest and that the policy had the vCPU wait for. */
  'choseSync',
  /** Of those, faults of which the guest had been told already: a not-present and a ready event for nothing. */
  'spuriousPairs',
  /** Exits of async page faults that were left to the guest. */
  'accepted',
  /** Async page faults that re-entering KVM_RUN completed, the page being there. */
  'autoCompleted',
  /** Faults that were published on a ring: KVM_RUN did not return for them. */
  'exitless',
  /** Async page faults that exited although there is a ring: it was full. */
  'ringFull',
  /** Faults during which the vCPU took interrupts only: synthetic halts. */
  'halts',
  /** Not-present events injected by the VMM. */
  'notPresent',
  /** Time inside KVM_RUN, ns. */
  'runNs',
  /** Time waiting for pages outside KVM_RUN, ns. */
  'waitNs',
] as const;
/** A name of {@link VCPU_COUNTERS}. */
export type VcpuCounter = (typeof VCPU_COUNTERS)[number];

/** What a resolver Worker counts. */
export const RESOLVER_COUNTERS = [
  /** Pages asked for, each once. */
  'faults',
  /** Of those, asked for by a thread that runs a vCPU. */
  'vcpuFaults',
  /** Asked for again while on their way. */
  'repeated',
  /** Asked for after they were settled. */
  'raced',
  /** Pages filled and mapped, or poisoned. */
  'pages',
  /** Calls of the page source. */
  'batches',
  /** Faults taken from notification rings. */
  'ringEntries',
  /** Of the pages, those whose contents could not be had: poisoned. */
  'lost',
  /** Of the pages, those fetched without being asked for. */
  'prefetched',
  /** Of the pages, those in place before the guest started. */
  'populated',
] as const;
/** A name of {@link RESOLVER_COUNTERS}. */
export type ResolverCounter = (typeof RESOLVER_COUNTERS)[number];

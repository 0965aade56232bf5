/**
 * Which iteration of the 2026 design a kernel has. Its numbers changed meaning on the way: operation 0 is READY in i2 and i3 and refused in i4, 2 is
 * SYNC_COMPLETE in i2 and READY in i4. A kernel of another iteration must be refused before a request means something else to it.
 */
import { EINVAL, errnoName, FaultLabError } from '../../../errors/index.js';

/** The iterations, oldest first; i4 is the one that the profile describes. */
export const ASYNC_PF_USERFAULT_ITERATIONS = ['i0', 'i1', 'i2', 'i3', 'i4'] as const;

/** One of {@link ASYNC_PF_USERFAULT_ITERATIONS}. */
export type AsyncPfUserfaultIteration = (typeof ASYNC_PF_USERFAULT_ITERATIONS)[number];

/** What was seen of a kernel; what was not looked at is left out. */
export interface IterationObservation {
  /** KVM_CAP_ASYNC_PF_USERFAULT (and with rings _EVENTFD) is there, by whatever numbers were asked for. */
  readonly hasCapability?: boolean;
  readonly hasEventfdCapability?: boolean;
  /** The size for which the kernel knows KVM_ASYNC_PF, in bytes; 0 when it knows none. */
  readonly requestBytes?: number;
  /** errno of KVM_ASYNC_PF with operation 0, 1 and 2 for a page without an async page fault: EINVAL for one that does not exist. */
  readonly op0Errno?: number;
  readonly op1Errno?: number;
  readonly op2Errno?: number;
  /** The size for which the kernel knows KVM_SET_APF_EVENTFD, in bytes; 0 when it knows none. */
  readonly eventfdBytes?: number;
  /** header.ring_size of the shared page, or the entries that a ring turned out to have. */
  readonly ringEntries?: number;
  /** The shared page is the kernel's, mapped from the vCPU's file; else it is user space's own, and pinned. */
  readonly kernelPage?: boolean;
  /** header.version of the shared page. */
  readonly sharedVersion?: number;
  /** All flags that were seen in async page fault exits, and what user space had to set before re-entry. */
  readonly exitFlags?: number;
}

/** What {@link identifyIteration} found. */
export interface IterationFinding {
  /** The iteration; `unknown` where the observations fit none, or several. */
  readonly iteration: AsyncPfUserfaultIteration | 'unknown';
  /** Iterations that fit everything that was seen. */
  readonly candidates: readonly AsyncPfUserfaultIteration[];
  /** A sentence an observation: what was seen and which iterations are like that. */
  readonly evidence: readonly string[];
}

/** What tells iterations apart, one trait at a time. */
interface Trait {
  readonly seen: string;
  readonly fits: readonly AsyncPfUserfaultIteration[];
}

const REJECTED_FLAG = 1 << 7;
const ACCEPT_FLAG = 1 << 6;
const NONE: readonly AsyncPfUserfaultIteration[] = [];
const WITH_REQUEST: readonly AsyncPfUserfaultIteration[] = ['i2', 'i3', 'i4'];

/** Names the iteration that fits everything that was seen. */
export function identifyIteration(observation: IterationObservation): IterationFinding {
  const traits = traitsOf(observation);
  const candidates = ASYNC_PF_USERFAULT_ITERATIONS.filter((iteration) => traits.every(({ fits }) => fits.includes(iteration)));
  const evidence = traits.map(({ seen, fits }) => `${seen}: ${fits.length === 0 ? 'no iteration that is known' : fits.join(', ')}`);
  return { iteration: candidates.length === 1 && traits.length > 0 ? candidates[0] : 'unknown', candidates, evidence };
}

/**
 * Refuses every iteration but the profile's own.
 * @throws FaultLabError UAPI_ITERATION, naming the one that was found
 */
export function requireCurrentIteration({ iteration, evidence }: IterationFinding): void {
  if (iteration === 'i4') return;
  const found = iteration === 'unknown' ? 'an iteration that is not known' : `iteration ${iteration}`;
  throw new FaultLabError('UAPI_ITERATION', `this kernel has ${found} of async-pf-userfault-2026, not i4 (${evidence.length === 0 ? 'nothing was seen' : evidence.join('; ')})`, {
    hint: 'the same request numbers mean other things there: rebase the patches to i4 (June 2026), or use --uapi userfault',
  });
}

function traitsOf(observation: IterationObservation): Trait[] {
  const { requestBytes, eventfdBytes, ringEntries, kernelPage, sharedVersion, exitFlags } = observation;
  const traits: Trait[] = [...capabilityTraits(observation), ...operationTraits(observation)];
  if (requestBytes !== undefined) traits.push({ seen: `KVM_ASYNC_PF takes ${requestBytes} bytes`, fits: requestFits(requestBytes) });
  if (eventfdBytes !== undefined) traits.push({ seen: `KVM_SET_APF_EVENTFD takes ${eventfdBytes} bytes`, fits: eventfdFits(eventfdBytes) });
  if (ringEntries !== undefined) traits.push({ seen: `rings of ${ringEntries} entries`, fits: ringFits(ringEntries) });
  if (kernelPage !== undefined) traits.push({ seen: kernelPage ? 'the kernel\'s own shared page' : 'a shared page that user space gives', fits: kernelPage ? ['i4'] : ['i1', 'i2', 'i3'] });
  if (sharedVersion !== undefined) traits.push({ seen: `shared page of version ${sharedVersion}`, fits: sharedVersion === 1 ? ['i4'] : NONE });
  if (exitFlags !== undefined) traits.push({ seen: `exit flags 0x${exitFlags.toString(16)}`, fits: flagFits(exitFlags) });
  return traits;
}

function capabilityTraits({ hasCapability, hasEventfdCapability }: IterationObservation): Trait[] {
  const traits: Trait[] = [];
  if (hasCapability === false) traits.push({ seen: 'no KVM_CAP_ASYNC_PF_USERFAULT', fits: NONE });
  if (hasEventfdCapability === true) traits.push({ seen: 'KVM_CAP_ASYNC_PF_USERFAULT_EVENTFD', fits: ['i1', 'i2', 'i3', 'i4'] });
  if (hasEventfdCapability === false) traits.push({ seen: 'no KVM_CAP_ASYNC_PF_USERFAULT_EVENTFD', fits: ['i0', 'i1'] });
  return traits;
}

/** Operations that each iteration has, from 0. */
const OPERATIONS: Readonly<Record<'i2' | 'i3' | 'i4', readonly number[]>> = { i2: [0, 1, 2], i3: [0, 1], i4: [1, 2] };

function operationTraits({ op0Errno, op1Errno, op2Errno }: IterationObservation): Trait[] {
  return [op0Errno, op1Errno, op2Errno].flatMap((errno, op) => {
    if (errno === undefined) return [];
    const exists = errno !== EINVAL;
    const fits = (['i2', 'i3', 'i4'] as const).filter((iteration) => OPERATIONS[iteration].includes(op) === exists);
    return [{ seen: `operation ${op} ${errno === 0 ? 'succeeds' : `fails with ${errnoName(errno)}`}`, fits }];
  });
}

function requestFits(bytes: number): readonly AsyncPfUserfaultIteration[] {
  if (bytes === 32) return WITH_REQUEST;
  if (bytes === 16) return ['i0'];
  return bytes === 0 ? ['i1'] : NONE;
}

function eventfdFits(bytes: number): readonly AsyncPfUserfaultIteration[] {
  if (bytes === 32) return ['i4'];
  // The structure of i1, which came and went, was not found: it may have had that size too.
  if (bytes === 24) return ['i1', 'i2', 'i3'];
  return bytes === 0 ? ['i0', 'i1'] : NONE;
}

function ringFits(entries: number): readonly AsyncPfUserfaultIteration[] {
  if (entries === 64) return ['i4'];
  return entries === 32 ? ['i2', 'i3'] : NONE;
}

function flagFits(flags: number): readonly AsyncPfUserfaultIteration[] {
  if ((flags & REJECTED_FLAG) !== 0) return ['i0'];
  if ((flags & ACCEPT_FLAG) !== 0) return ['i1'];
  return ASYNC_PF_USERFAULT_ITERATIONS;
}

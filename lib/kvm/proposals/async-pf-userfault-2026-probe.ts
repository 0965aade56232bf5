import { EFAULT, EINVAL, ENOENT, FaultLabError } from '../../errors/index.js';
import { nativeAddon } from '../../native/index.js';
import {
  asyncPfUserfaultIoctls,
  identifyIteration,
  KVM_APF_ENTRY_SIZE,
  KVM_APF_PAGE_OFFSET,
  KVM_APF_RING_SIZE,
  KVM_APF_SHARED_VERSION,
  kvmApfEventfdLayout,
  kvmApfSharedPageLayout,
  kvmAsyncPfReqLayout,
  type UapiProfile,
} from '../../uapi/proposals/index.js';
import { outcome } from './errno-of.js';
import { judgeRequest } from './request-probe.js';
import { struct, vcpuRequest, type ScratchVm } from './scratch-vm.js';
import { FactList, numberOf, type CapabilityNumbers, type UapiSupport } from './uapi-support.js';
import { askCapability, askUserfault, judgeCapability, judgeUserfault, verdict, type CapabilityAnswer, type UserfaultAnswers } from './userfault-probe.js';

/** Page aligned, and never accessed: the scratch vCPU does not run. */
const UNTOUCHED_GPA = 0x2_0000_0000;
/** Bytes of iteration i3's struct kvm_apf_eventfd, and so KVM_SET_APF_EVENTFD of i2 and i3. */
const FORMER_EVENTFD_BYTES = 24;
const FORMER_SET_APF_EVENTFD = vcpuRequest(0xd9, FORMER_EVENTFD_BYTES);

/** Header of the shared page. */
export interface SharedPageHeader {
  readonly version: number;
  readonly ringSize: number;
  readonly entrySizeBytes: number;
}

/** What a kernel answers about the design of 2026. errnos, 0 for success. */
export interface AsyncPfUserfaultAnswers {
  readonly userfault: UserfaultAnswers;
  readonly capability: CapabilityAnswer;
  readonly eventfdCapability: CapabilityAnswer;
  /** KVM_ASYNC_PF with an argument that cannot be read. */
  readonly requestUnreadable: number;
  /** KVM_ASYNC_PF for a page without an async page fault, by operation. */
  readonly operations: readonly [zero: number, one: number, two: number];
  /** KVM_SET_APF_EVENTFD with an argument that cannot be read: of 32 bytes, and of 24. */
  readonly eventfdUnreadable: number;
  readonly formerEventfdUnreadable: number;
  /** KVM_ENABLE_CAP on the vCPU with an argument that is neither 0 nor 1, and with 1. */
  readonly enableWithTwo: number;
  readonly enable: number;
  /** Registering two eventfds; -1 where it was not tried. */
  readonly register: number;
  /** What the vCPU's file has at KVM_APF_PAGE_OFFSET once they are registered; undefined where it has nothing. */
  readonly sharedPage: SharedPageHeader | undefined;
}

/** Asks a kernel for the design of 2026. */
export function askAsyncPfUserfault(scratch: ScratchVm, profile: UapiProfile, numbers: CapabilityNumbers): AsyncPfUserfaultAnswers {
  const number = numberOf(profile, 'async-pf-userfault', numbers);
  const eventfdUnreadable = scratch.unreadable(asyncPfUserfaultIoctls.KVM_SET_APF_EVENTFD);
  const asked = {
    userfault: askUserfault(scratch, profile, numberOf(profile, 'userfault', numbers)),
    capability: askCapability(scratch, profile, 'async-pf-userfault', number),
    eventfdCapability: askCapability(scratch, profile, 'async-pf-userfault-eventfd', numberOf(profile, 'async-pf-userfault-eventfd', numbers)),
    requestUnreadable: scratch.unreadable(asyncPfUserfaultIoctls.KVM_ASYNC_PF),
    operations: [tryOperation(scratch, 0), tryOperation(scratch, 1), tryOperation(scratch, 2)] as const,
    eventfdUnreadable,
    formerEventfdUnreadable: scratch.unreadable(FORMER_SET_APF_EVENTFD),
    enableWithTwo: scratch.tryEnableCap(number, [2n]),
    enable: scratch.tryEnableCap(number, [1n]),
  };
  return { ...asked, ...(eventfdUnreadable === EFAULT ? askSharedPage(scratch) : { register: -1, sharedPage: undefined }) };
}

function tryOperation(scratch: ScratchVm, op: number): number {
  const request = struct(kvmAsyncPfReqLayout);
  request.setNumber('gpa', UNTOUCHED_GPA);
  request.setNumber('op', op);
  return scratch.tryVcpu(asyncPfUserfaultIoctls.KVM_ASYNC_PF, request.bytes());
}

function askSharedPage(scratch: ScratchVm): Pick<AsyncPfUserfaultAnswers, 'register' | 'sharedPage'> {
  const { EventFd } = nativeAddon();
  const notify = new EventFd();
  const complete = new EventFd();
  const eventfds = struct(kvmApfEventfdLayout);
  const set = (fd: number, completeFd: number): number => {
    eventfds.set('fd', BigInt(fd));
    eventfds.set('complete_fd', BigInt(completeFd));
    return scratch.tryVcpu(asyncPfUserfaultIoctls.KVM_SET_APF_EVENTFD, eventfds.bytes());
  };
  try {
    const register = set(notify.fd, complete.fd);
    if (register !== 0) return { register, sharedPage: undefined };
    const sharedPage = readSharedPage(scratch);
    set(-1, -1);
    return { register, sharedPage };
  } finally {
    notify.close();
    complete.close();
  }
}

function readSharedPage({ vcpu }: ScratchVm): SharedPageHeader | undefined {
  const header = struct(kvmApfSharedPageLayout);
  try {
    const page = vcpu.mapPage(KVM_APF_PAGE_OFFSET);
    page.read(0, header.bytes());
    page.close();
  } catch (error) {
    if (error instanceof FaultLabError && error.code === 'VCPU_NO_PAGE') return undefined;
    throw error;
  }
  const version = header.number('header.version');
  return { version, ringSize: header.number('header.ring_size'), entrySizeBytes: header.number('header.entry_size') };
}

/** The verdict about the design of 2026 from what a kernel answered. */
export function asyncPfUserfaultSupport(answers: AsyncPfUserfaultAnswers): UapiSupport {
  const list = new FactList();
  return verdict('async-pf-userfault-2026', 'the design of 2026 (KVM_CAP_ASYNC_PF_USERFAULT, iteration i4)', judge(list, answers), list);
}

function judge(list: FactList, answers: AsyncPfUserfaultAnswers): string | undefined {
  const userfault = judgeUserfault(list, answers.userfault);
  const number = judgeCapability(list, answers.capability);
  list.note(`KVM_CHECK_EXTENSION of ${answers.eventfdCapability.number} (${answers.eventfdCapability.title}), for information`, String(answers.eventfdCapability.value));
  const known = judgeRequest(list, 'KVM_ASYNC_PF', asyncPfUserfaultIoctls.KVM_ASYNC_PF, answers.requestUnreadable);
  const eventfds = judgeRequest(list, 'KVM_SET_APF_EVENTFD, 32 bytes', asyncPfUserfaultIoctls.KVM_SET_APF_EVENTFD, answers.eventfdUnreadable);
  judgeRequest(list, 'KVM_SET_APF_EVENTFD of i2 and i3, 24 bytes', FORMER_SET_APF_EVENTFD, answers.formerEventfdUnreadable, false);
  if (!known) return number ? `capability number ${answers.capability.number} answers, but there is no KVM_ASYNC_PF: that number belongs to something else here` : 'it knows no KVM_ASYNC_PF';
  const iteration = judgeIteration(list, answers);
  if (iteration !== undefined) return iteration;
  if (!judgeOperations(list, answers.operations) || !eventfds) return 'its requests do not answer as those of i4';
  if (userfault !== undefined) return userfault;
  if (!number) return `${answers.capability.title} is there under another number than ${answers.capability.number}: give it with --cap ${answers.capability.option}=NUMBER, as the header of its kernel has it`;
  return judgeEnabling(list, answers);
}

/** Adds which iteration it is, by all that was seen. Undefined for i4. */
function judgeIteration(list: FactList, { operations: [op0Errno, op1Errno, op2Errno], eventfdUnreadable, formerEventfdUnreadable, sharedPage }: AsyncPfUserfaultAnswers): string | undefined {
  const { iteration, evidence } = identifyIteration({
    requestBytes: kvmAsyncPfReqLayout.size,
    op0Errno,
    op1Errno,
    op2Errno,
    eventfdBytes: eventfdUnreadable === EFAULT ? kvmApfEventfdLayout.size : formerEventfdUnreadable === EFAULT ? FORMER_EVENTFD_BYTES : 0,
    ...(sharedPage === undefined ? {} : { ringEntries: sharedPage.ringSize, sharedVersion: sharedPage.version, kernelPage: true }),
  });
  if (list.add('the iteration of the design', `${iteration} (${evidence.join('; ')})`, iteration === 'i4')) return undefined;
  return iteration === 'unknown' ? 'its KVM_ASYNC_PF is of no iteration that is known' : `it has iteration ${iteration} of it, whose requests mean other things: only i4 (June 2026) is driven`;
}

/** Adds what the operations answer for a page without an async page fault. */
function judgeOperations(list: FactList, [zero, one, two]: AsyncPfUserfaultAnswers['operations']): boolean {
  const op = (name: string, errno: number, wanted: number): boolean => list.add(`KVM_ASYNC_PF, ${name}, for a page without an async page fault`, outcome(errno), errno === wanted);
  return [op('operation 0', zero, EINVAL), op('ACCEPT', one, ENOENT), op('READY', two, ENOENT)].every((holds) => holds);
}

/** Adds whether the vCPU takes it. Undefined where it does. */
function judgeEnabling(list: FactList, { enableWithTwo, enable, register, sharedPage }: AsyncPfUserfaultAnswers): string | undefined {
  const refuses = list.add('KVM_ENABLE_CAP on the vCPU with 2', outcome(enableWithTwo), enableWithTwo === EINVAL);
  const takes = list.add('KVM_ENABLE_CAP on the vCPU with 1', outcome(enable), enable === 0);
  if (!refuses || !takes) return 'its capability cannot be enabled as that of i4';
  if (!list.add('KVM_SET_APF_EVENTFD with two eventfds', outcome(register), register === 0)) return 'no eventfds can be registered';
  const found = sharedPage === undefined ? 'nothing' : `version ${sharedPage.version}, rings of ${sharedPage.ringSize}, entries of ${sharedPage.entrySizeBytes} bytes`;
  const asI4 = sharedPage?.version === KVM_APF_SHARED_VERSION && sharedPage.ringSize === KVM_APF_RING_SIZE && sharedPage.entrySizeBytes === KVM_APF_ENTRY_SIZE;
  return list.add(`page ${KVM_APF_PAGE_OFFSET} of the vCPU's file`, found, asI4) ? undefined : 'its shared page is not that of i4';
}

import { EFAULT, EINVAL } from '../../errors/index.js';
import { asyncPfUserfaultIoctls, asyncPfUserIoctls, kvmAsyncPfUserReadyLayout, type UapiProfile } from '../../uapi/proposals/index.js';
import { outcome } from './errno-of.js';
import { judgeRequest } from './request-probe.js';
import { struct, type ScratchVm } from './scratch-vm.js';
import { FactList, type UapiSupport } from './uapi-support.js';
import { askCapability, askUserfault, judgeCapability, verdict, type UserfaultAnswers } from './userfault-probe.js';

/** KVM_MEMORY_ATTRIBUTE_USERFAULT of the series that the RFC builds on; later ones have a memslot flag. */
export const KVM_MEMORY_ATTRIBUTE_USERFAULT = 1 << 4;

/** A token whose vCPU part is no vCPU of the scratch VM: never issued. */
const NEVER_ISSUED = 0xffff_fff0;

/** What a kernel answers about the RFC of 2024. errnos, 0 for success. */
export interface AsyncPfUserAnswers {
  readonly userfault: UserfaultAnswers;
  /** KVM_CAP_MEMORY_ATTRIBUTES: a mask. */
  readonly memoryAttributes: number;
  /** KVM_ASYNC_PF_USER_READY with an argument that cannot be read. */
  readonly readyUnreadable: number;
  /** KVM_ASYNC_PF_USER_READY with a token never issued. */
  readonly readyUnknownToken: number;
  /** The request of the same number byte that the design of 2026 has, with an argument that cannot be read. */
  readonly laterRequest: number;
}

/** Asks a kernel for the RFC of 2024. */
export function askAsyncPfUser(scratch: ScratchVm, profile: UapiProfile, number: number): AsyncPfUserAnswers {
  const ready = struct(kvmAsyncPfUserReadyLayout);
  ready.setNumber('token', NEVER_ISSUED);
  return {
    userfault: { ...askUserfault(scratch, profile, number), capability: askCapability(scratch, profile, 'userfault', number) },
    memoryAttributes: scratch.vm.checkExtension('MEMORY_ATTRIBUTES'),
    readyUnreadable: scratch.unreadable(asyncPfUserIoctls.KVM_ASYNC_PF_USER_READY),
    readyUnknownToken: scratch.tryVcpu(asyncPfUserIoctls.KVM_ASYNC_PF_USER_READY, ready.bytes()),
    laterRequest: scratch.unreadable(asyncPfUserfaultIoctls.KVM_ASYNC_PF),
  };
}

/** The verdict about the RFC of 2024 from what a kernel answered. */
export function asyncPfUserSupport(answers: AsyncPfUserAnswers): UapiSupport {
  const list = new FactList();
  return verdict('async-pf-user-2024', 'the async PF user of 2024', judge(list, answers), list);
}

function judge(list: FactList, { userfault, memoryAttributes, readyUnreadable, readyUnknownToken, laterRequest }: AsyncPfUserAnswers): string | undefined {
  const numberAnswers = judgeCapability(list, userfault.capability);
  const byFlag = userfault.flag === 0 && userfault.flagWithBadBitmap === EINVAL;
  const byAttribute = (memoryAttributes & KVM_MEMORY_ATTRIBUTE_USERFAULT) !== 0;
  list.add('a way to intercept pages', byFlag ? 'memslot flag KVM_MEM_USERFAULT' : byAttribute ? 'memory attribute 1 << 4' : 'neither a memslot flag nor a memory attribute', byFlag || byAttribute);
  const known = judgeRequest(list, 'KVM_ASYNC_PF_USER_READY', asyncPfUserIoctls.KVM_ASYNC_PF_USER_READY, readyUnreadable);
  if (known) list.add('KVM_ASYNC_PF_USER_READY with a token never issued', outcome(readyUnknownToken), readyUnknownToken === EINVAL);
  judgeRequest(list, 'KVM_ASYNC_PF of the design of 2026, the same number with another size', asyncPfUserfaultIoctls.KVM_ASYNC_PF, laterRequest, false);
  if (!known) return laterRequest === EFAULT ? 'it has the design of 2026 in its place' : 'it does not know KVM_ASYNC_PF_USER_READY';
  if (readyUnknownToken !== EINVAL) return 'what has the number of KVM_ASYNC_PF_USER_READY takes a token that was never issued';
  if (!byFlag && !byAttribute) return 'it has no way to intercept pages';
  return numberAnswers ? undefined : `KVM_CAP_USERFAULT is not ${userfault.capability.number} here: give it with --cap userfault=NUMBER`;
}

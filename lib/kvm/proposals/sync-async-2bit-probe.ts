import { EINVAL, ENOENT } from '../../errors/index.js';
import { KVM_MEM_USERFAULT, KVM_MEM_USERFAULT_ASYNC, type UapiProfile } from '../../uapi/proposals/index.js';
import { outcome } from './errno-of.js';
import { judgeRequest } from './request-probe.js';
import { KERNEL_ADDRESS, struct, type ScratchVm } from './scratch-vm.js';
import { FactList, numberOf, type CapabilityNumbers, type UapiSupport } from './uapi-support.js';
import { KVM_USERFAULT_READY, kvmUserfaultReadyLayout } from './userfault-ready-layout.js';
import { askCapability, askUserfault, belongsToSomethingElse, judgeCapability, judgeUserfault, otherNumber, verdict, type CapabilityAnswer, type UserfaultAnswers } from './userfault-probe.js';

/** Page aligned, and never accessed: the scratch vCPU does not run. */
const UNTOUCHED_GPA = 0x2_0000_0000;

/** What a kernel answers about two bits a page. errnos, 0 for success. */
export interface SyncAsyncTwoBitAnswers {
  readonly userfault: UserfaultAnswers;
  readonly capability: CapabilityAnswer;
  /** A memslot with both flags and a bitmap, with an address in the kernel for it, and with the second flag alone. */
  readonly flags: number;
  readonly flagsWithBadBitmap: number;
  readonly secondFlagAlone: number;
  /** KVM_USERFAULT_READY with an argument that cannot be read. */
  readonly readyUnreadable: number;
  /** KVM_USERFAULT_READY for a page without an async page fault, and for an address within a page. */
  readonly readyUnknown: number;
  readonly readyUnaligned: number;
}

/** Asks a kernel for two bits a page. */
export function askSyncAsyncTwoBit(scratch: ScratchVm, profile: UapiProfile, numbers: CapabilityNumbers): SyncAsyncTwoBitAnswers {
  const both = KVM_MEM_USERFAULT | KVM_MEM_USERFAULT_ASYNC;
  return {
    userfault: askUserfault(scratch, profile, numberOf(profile, 'userfault', numbers)),
    capability: askCapability(scratch, profile, 'userfault-async', numberOf(profile, 'userfault-async', numbers)),
    flags: scratch.trySlot({ flags: both, bitmap: scratch.goodBitmap }),
    flagsWithBadBitmap: scratch.trySlot({ flags: both, bitmap: KERNEL_ADDRESS }),
    secondFlagAlone: scratch.trySlot({ flags: KVM_MEM_USERFAULT_ASYNC, bitmap: scratch.goodBitmap }),
    readyUnreadable: scratch.unreadable(KVM_USERFAULT_READY),
    readyUnknown: tryReady(scratch, UNTOUCHED_GPA),
    readyUnaligned: tryReady(scratch, UNTOUCHED_GPA + 1),
  };
}

function tryReady(scratch: ScratchVm, gpa: number): number {
  const request = struct(kvmUserfaultReadyLayout);
  request.setNumber('gpa', gpa);
  return scratch.tryVcpu(KVM_USERFAULT_READY, request.bytes());
}

/** The verdict about two bits a page from what a kernel answered. */
export function syncAsyncTwoBitSupport(answers: SyncAsyncTwoBitAnswers): UapiSupport {
  const list = new FactList();
  return verdict('sync-async-2bit', 'two bits a page (KVM_CAP_USERFAULT_ASYNC)', judge(list, answers), list);
}

function judge(list: FactList, { userfault, capability, flags, flagsWithBadBitmap, secondFlagAlone, ...ready }: SyncAsyncTwoBitAnswers): string | undefined {
  const base = judgeUserfault(list, userfault);
  const number = judgeCapability(list, capability);
  const takesFlags = list.add('a memslot with KVM_MEM_USERFAULT_ASYNC (1 << 4) as well', outcome(flags), flags === 0);
  const known = judgeRequest(list, 'KVM_USERFAULT_READY', KVM_USERFAULT_READY, ready.readyUnreadable);
  if (base !== undefined) return base;
  if (!takesFlags || !known) return number ? belongsToSomethingElse(capability) : 'it has one bit a page';
  const asProposed = [
    list.add('the same with an address in the kernel for the bitmap', outcome(flagsWithBadBitmap), flagsWithBadBitmap === EINVAL),
    list.add('a memslot with KVM_MEM_USERFAULT_ASYNC alone', outcome(secondFlagAlone), secondFlagAlone === EINVAL),
    list.add('KVM_USERFAULT_READY for a page without an async page fault', outcome(ready.readyUnknown), ready.readyUnknown === ENOENT),
    list.add('KVM_USERFAULT_READY for an address within a page', outcome(ready.readyUnaligned), ready.readyUnaligned === EINVAL),
  ].every((holds) => holds);
  if (!asProposed) return 'what has its flag and its request does not behave as proposed';
  return number ? undefined : otherNumber(list, capability, userfault.otherCapabilities);
}

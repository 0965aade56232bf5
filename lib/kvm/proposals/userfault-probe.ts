import { EINVAL, ENOTTY } from '../../errors/index.js';
import { capabilities, capabilityTitle } from '../../uapi/index.js';
import { KVM_MEM_USERFAULT, type UapiProfile } from '../../uapi/proposals/index.js';
import { outcome } from './errno-of.js';
import { KERNEL_ADDRESS, type ScratchVm } from './scratch-vm.js';
import { FactList, type UapiSupport } from './uapi-support.js';

/** A capability number and what KVM_CHECK_EXTENSION says of it. */
export interface CapabilityAnswer {
  /** KVM_CAP_... */
  readonly title: string;
  /** As `--cap` takes it. */
  readonly option: string;
  readonly number: number;
  readonly value: number;
  /** The merged capability that has this number. */
  readonly mergedName?: string;
}

/** What a kernel answers about KVM Userfault. errnos, 0 for success. */
export interface UserfaultAnswers {
  readonly capability: CapabilityAnswer;
  /** A memslot by KVM_SET_USER_MEMORY_REGION2 without any flag. */
  readonly plainSlot: number;
  /** The same with KVM_MEM_USERFAULT and a bitmap. */
  readonly flag: number;
  /** The same with an address for the bitmap that no process can have. */
  readonly flagWithBadBitmap: number;
  /** Other capability numbers that answer and that no merged capability has. */
  readonly otherCapabilities: readonly { readonly number: number; readonly value: number }[];
}

/** Asks for a capability. */
export function askCapability(scratch: ScratchVm, profile: UapiProfile, option: string, number: number): CapabilityAnswer {
  const name = profile.capabilities.find((known) => known.option === option)?.name ?? option;
  const merged = capabilityTitle(number);
  return { title: `KVM_CAP_${name}`, option, number, value: scratch.vm.checkExtension(number), ...(merged.startsWith('KVM_CAP_') ? { mergedName: merged } : {}) };
}

/** Asks a kernel for KVM Userfault. */
export function askUserfault(scratch: ScratchVm, profile: UapiProfile, number: number): UserfaultAnswers {
  const slot = (flags: number, bitmap: bigint): number => scratch.trySlot({ flags, bitmap });
  return {
    capability: askCapability(scratch, profile, 'userfault', number),
    plainSlot: slot(0, 0n),
    flag: slot(KVM_MEM_USERFAULT, scratch.goodBitmap),
    flagWithBadBitmap: slot(KVM_MEM_USERFAULT, KERNEL_ADDRESS),
    otherCapabilities: scratch.unknownCapabilities(new Set([number, ...Object.values(capabilities)])),
  };
}

/** Adds what a capability number answers. True where it answers. */
export function judgeCapability(list: FactList, { title, number, value, mergedName }: CapabilityAnswer): boolean {
  const asked = `KVM_CHECK_EXTENSION of ${number} (${title})`;
  if (value === 0 || mergedName === undefined) return list.add(asked, value > 0 ? String(value) : '0, no such capability', value > 0);
  list.note(asked, `${value}, which may as well be the merged ${mergedName} of that number`);
  return true;
}

/** Adds the facts about KVM Userfault. Undefined where all speak for it, else why it cannot be had. */
export function judgeUserfault(list: FactList, answers: UserfaultAnswers): string | undefined {
  const { capability, plainSlot, flag, flagWithBadBitmap, otherCapabilities } = answers;
  const answersNumber = judgeCapability(list, capability);
  if (plainSlot !== 0) {
    list.add('KVM_SET_USER_MEMORY_REGION2 without flags', plainSlot === ENOTTY ? 'no such request (ENOTTY)' : outcome(plainSlot), false);
    return 'memslots cannot be made by KVM_SET_USER_MEMORY_REGION2';
  }
  const knowsFlag = list.add('a memslot with KVM_MEM_USERFAULT (1 << 3) and a bitmap', flag === 0 ? 'taken' : `refused (${outcome(flag)}), as an unknown flag is`, flag === 0);
  if (!knowsFlag) return answersNumber ? belongsToSomethingElse(capability) : 'it knows neither the capability nor the memslot flag';
  const checksBitmap = list.add(
    'the same with an address in the kernel for the bitmap',
    flagWithBadBitmap === 0 ? 'taken: whatever flag 1 << 3 is here, it has no bitmap' : `refused (${outcome(flagWithBadBitmap)})`,
    flagWithBadBitmap === EINVAL,
  );
  if (!checksBitmap) return 'its memslot flag 1 << 3 is something else';
  return answersNumber ? undefined : otherNumber(list, capability, otherCapabilities);
}

/** Why a capability number that answers is no proof. */
export function belongsToSomethingElse({ number, title }: CapabilityAnswer): string {
  return `capability number ${number} answers, but it is not ${title}: that number belongs to something else here`;
}

/** Why a proposal that is there is not taken for it: the number is wrong, and which ones it could be. */
export function otherNumber(list: FactList, { number, option, title }: CapabilityAnswer, others: UserfaultAnswers['otherCapabilities']): string {
  if (others.length > 0) list.note('capability numbers that answer and that no merged capability has', others.map((other) => `${other.number} (${other.value})`).join(', '));
  return `${title} is there under another number than ${number}: give it with --cap ${option}=NUMBER, as the header of its kernel has it`;
}

/** The verdict about KVM Userfault from what a kernel answered. */
export function userfaultSupport(answers: UserfaultAnswers): UapiSupport {
  const list = new FactList();
  return verdict('userfault', 'KVM Userfault', judgeUserfault(list, answers), list);
}

/** A verdict in one sentence. `problem` is undefined where the kernel has it. */
export function verdict(name: UapiSupport['name'], title: string, problem: string | undefined, { facts }: FactList): UapiSupport {
  return { name, native: problem === undefined, why: problem === undefined ? `this kernel has ${title}` : `this kernel does not have ${title}: ${problem}`, facts };
}

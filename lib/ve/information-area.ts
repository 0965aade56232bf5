/**
 * The virtualization-exception information area: one page of guest memory in which the host says which access failed. Source: Intel SDM vol. 3,
 * "Virtualization-Exception Information"; the flags behind it are this project's, where Intel reserves the bytes.
 */
import { StructView, structLayout, type Gpa, type Gva } from '../uapi/index.js';

/** The area. The guest finds the access in it, and clears `busy` when it has taken it. */
export const veInformationLayout = structLayout('ve_information', 80, {
  exit_reason: [0, 4],
  busy: [4, 4],
  qualification: [8, 8],
  gva: [16, 8],
  gpa: [24, 8],
  eptp_index: [32, 2],
  flags: [64, 4],
  resolved_token: [72, 4],
  resolved_result: [76, 4],
});

/** exit_reason of the only exit that becomes a #VE (SDM vol. 3, appendix C). */
export const VE_REASON_EPT_VIOLATION = 48;
/** The busy word from delivery on: no other #VE is delivered until the guest has cleared it. */
export const VE_BUSY = 0xffff_ffff;
/** qualification: the access that failed (SDM vol. 3, exit qualification for EPT violations). */
export const VE_QUALIFICATION_READ = 1;
export const VE_QUALIFICATION_WRITE = 2;
export const VE_QUALIFICATION_FETCH = 4;
/** qualification: the linear address is valid, and the access is to its translation, not to a page table. */
export const VE_QUALIFICATION_LINEAR = (1 << 7) | (1 << 8);
/** flags: the host may bring the page back when it is asked. */
export const VE_FLAG_RECOVERABLE = 1;

/** What a #VE says. */
export interface VeInformation {
  readonly access: 'load' | 'store' | 'read-modify-write' | 'fetch';
  /** Null where the access was not made by the instruction itself: a page-table walk. */
  readonly gva: Gva | null;
  readonly gpa: Gpa;
  readonly recoverable: boolean;
}

const ACCESS_BITS: Readonly<Record<VeInformation['access'], number>> = {
  load: VE_QUALIFICATION_READ,
  store: VE_QUALIFICATION_WRITE,
  'read-modify-write': VE_QUALIFICATION_READ | VE_QUALIFICATION_WRITE,
  fetch: VE_QUALIFICATION_FETCH,
};

/** The area in place, as the host uses it. */
export class VeInformationArea {
  private readonly view: StructView<keyof typeof veInformationLayout.fields>;

  /**
   * @param data - guest memory
   * @param offset - of the area in it
   * @throws RangeError where it does not fit
   */
  constructor(data: DataView, offset: number) {
    this.view = new StructView(veInformationLayout, data, offset);
  }

  /** True from a delivery until the guest has taken it. The guest writes this word: it says no more than what the guest wants. */
  get busy(): boolean {
    return this.view.low('busy') !== 0;
  }

  /** Writes what the handler will read, and sets the busy word, as a CPU does when it delivers. */
  fill({ access, gva, gpa, recoverable }: VeInformation): void {
    this.view.setNumber('exit_reason', VE_REASON_EPT_VIOLATION);
    this.view.setNumber('busy', VE_BUSY);
    this.view.setNumber('qualification', ACCESS_BITS[access] | (gva === null ? 0 : VE_QUALIFICATION_LINEAR));
    this.view.set('gva', gva ?? 0n);
    this.view.set('gpa', gpa);
    this.view.setNumber('eptp_index', 0);
    this.view.setNumber('flags', recoverable ? VE_FLAG_RECOVERABLE : 0);
  }

  /** True while the guest has not taken the wake-up before. */
  get wakeUpPending(): boolean {
    return this.view.low('resolved_token') !== 0;
  }

  /** Writes a wake-up; the interrupt is the caller's. */
  wakeUp(token: number, result: number): void {
    this.view.setNumber('resolved_result', result);
    this.view.setNumber('resolved_token', token);
  }
}

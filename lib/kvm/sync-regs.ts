import { kvmRunLayout, RegsView, SregsView, VcpuEventsView } from '../uapi/index.js';

const { fields } = kvmRunLayout;

/**
 * Registers in the run area (KVM_CAP_SYNC_REGS; api.rst section 5, kvm_sync_regs): KVM fills the enabled sets at every exit
 * and takes the dirty ones at the next entry, so the vCPU loop needs no ioctl for them. Their content is meaningful only
 * after an exit with the set enabled.
 */
export class SyncRegs {
  readonly regs: RegsView;
  readonly sregs: SregsView;
  readonly events: VcpuEventsView;
  readonly #data: DataView;

  /** `runArea` is struct kvm_run. */
  constructor(runArea: ArrayBuffer) {
    this.#data = new DataView(runArea);
    this.regs = new RegsView(this.#data, fields['s.regs.regs'].offset);
    this.sregs = new SregsView(this.#data, fields['s.regs.sregs'].offset);
    this.events = new VcpuEventsView(this.#data, fields['s.regs.events'].offset);
  }

  /** Sets which sets KVM fills at each exit from now on: KVM_SYNC_X86_* bits, which replace the earlier ones. */
  enableSync(mask: number): void {
    this.#data.setUint32(fields.kvm_valid_regs.offset, mask, true);
  }

  /** The sets KVM fills at each exit. */
  get enabled(): number {
    return this.#data.getUint32(fields.kvm_valid_regs.offset, true);
  }

  /** Marks sets to be taken at the next entry, besides those marked already; KVM clears the marks. Invalid content makes KVM_RUN fail with EINVAL. */
  markDirty(mask: number): void {
    this.#data.setUint32(fields.kvm_dirty_regs.offset, this.dirty | mask, true);
  }

  /** The sets that the next entry will take. */
  get dirty(): number {
    return this.#data.getUint32(fields.kvm_dirty_regs.offset, true);
  }
}

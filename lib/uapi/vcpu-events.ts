import { structLayout } from './layout.js';
import { StructView } from './struct-view.js';

/** struct kvm_vcpu_events: exceptions, interrupts and NMIs on their way into the guest (api.rst, KVM_GET_VCPU_EVENTS). */
export const kvmVcpuEventsLayout = structLayout('kvm_vcpu_events', 64, {
  'exception.injected': [0, 1],
  'exception.nr': [1, 1],
  'exception.has_error_code': [2, 1],
  'exception.pending': [3, 1],
  'exception.error_code': [4, 4],
  'interrupt.injected': [8, 1],
  'interrupt.nr': [9, 1],
  'interrupt.soft': [10, 1],
  'interrupt.shadow': [11, 1],
  'nmi.injected': [12, 1],
  'nmi.pending': [13, 1],
  'nmi.masked': [14, 1],
  sipi_vector: [16, 4],
  flags: [20, 4],
  'smi.smm': [24, 1],
  'smi.pending': [25, 1],
  'smi.smm_inside_nmi': [26, 1],
  'smi.latched_init': [27, 1],
  'triple_fault.pending': [28, 1],
  exception_has_payload: [55, 1],
  exception_payload: [56, 8],
});

/** A field of struct kvm_vcpu_events. */
export type VcpuEventsField = keyof typeof kvmVcpuEventsLayout.fields;

/** kvm_vcpu_events.flags: which optional parts KVM_SET_VCPU_EVENTS takes over. */
export const KVM_VCPUEVENT_VALID_NMI_PENDING = 1 << 0;
export const KVM_VCPUEVENT_VALID_SIPI_VECTOR = 1 << 1;
export const KVM_VCPUEVENT_VALID_SHADOW = 1 << 2;
export const KVM_VCPUEVENT_VALID_SMM = 1 << 3;
export const KVM_VCPUEVENT_VALID_PAYLOAD = 1 << 4;
export const KVM_VCPUEVENT_VALID_TRIPLE_FAULT = 1 << 5;

/** interrupt.shadow: the instruction after STI or MOV SS has not completed, so interrupts are held back. */
export const KVM_X86_SHADOW_INT_MOV_SS = 1;
export const KVM_X86_SHADOW_INT_STI = 2;

/** Exception vectors this project injects (SDM volume 3, 6.3.1). */
export const VECTOR_PAGE_FAULT = 14;
export const VECTOR_MACHINE_CHECK = 18;
export const VECTOR_VIRTUALIZATION = 20;

/** struct kvm_vcpu_events in place. */
export class VcpuEventsView extends StructView<VcpuEventsField> {
  constructor(data: DataView, base = 0) {
    super(kvmVcpuEventsLayout, data, base);
  }

  /** A structure of its own, zeroed: to be filled by KVM_GET_VCPU_EVENTS. */
  static allocate(): VcpuEventsView {
    return new VcpuEventsView(new DataView(new ArrayBuffer(kvmVcpuEventsLayout.size)));
  }

  /**
   * Asks for exception `vector` at the next entry, as if the hardware had raised it before the next instruction. A fault's
   * handler returns to that instruction. `errorCode` is left out for vectors that have none. CR2 is not touched: a page
   * fault's address is written to sregs.cr2 (or comes as a payload, see `pendException`).
   */
  injectException(vector: number, errorCode?: number): void {
    this.field['exception.injected'].setNumber(1);
    this.field['exception.pending'].setNumber(0);
    this.field['exception.nr'].setNumber(vector);
    this.field['exception.has_error_code'].setNumber(errorCode === undefined ? 0 : 1);
    this.field['exception.error_code'].setNumber(errorCode ?? 0);
    this.field.exception_has_payload.setNumber(0);
  }

  /**
   * As `injectException`, but pending: KVM itself moves the payload (CR2 of a page fault) into place at delivery. Needs
   * KVM_CAP_EXCEPTION_PAYLOAD enabled on the VM.
   */
  pendException(vector: number, errorCode: number | undefined, payloadLow: number, payloadHigh: number): void {
    this.injectException(vector, errorCode);
    this.field['exception.injected'].setNumber(0);
    this.field['exception.pending'].setNumber(1);
    this.field.exception_has_payload.setNumber(1);
    this.field.exception_payload.setLowHigh(payloadLow, payloadHigh);
    this.field.flags.setNumber((this.field.flags.number() | KVM_VCPUEVENT_VALID_PAYLOAD) >>> 0);
  }

  /** True while an exception, interrupt or NMI is on its way in: injecting another one would replace it. */
  isBusy(): boolean {
    return (
      this.field['exception.injected'].number() !== 0 ||
      this.field['exception.pending'].number() !== 0 ||
      this.field['interrupt.injected'].number() !== 0 ||
      this.field['nmi.injected'].number() !== 0
    );
  }
}

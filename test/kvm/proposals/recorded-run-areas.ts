/** What record-run-areas.ts printed on the lab's own kernel (6.12.117-faultlab, emulated SVM, November 2026): the first 288 bytes of struct kvm_run. */

/** A recorded memory fault; zeros at the end are left out of `hex`. */
export interface RecordedRunArea {
  readonly what: string;
  /** Page that the guest could not have. */
  readonly gpa: number;
  readonly hex: string;
}

/** See the module's comment. */
export const RECORDED_RUN_AREAS: readonly RecordedRunArea[] = [
  { what: 'a load', gpa: 0x20000, hex: '0000000000000000270000000000000000000000000000000009e0fe000000000000000000000000000002000000000000100000000000000000000000000000' },
  // An exit for a store to a device came before: its bytes in the union are gone where the fault's are.
  { what: 'a store after an MMIO exit', gpa: 0x21000, hex: '0000000000000000270000000000000000000000000000000009e0fe000000000000000000000000001002000000000000100000000000000000000000000000' },
];

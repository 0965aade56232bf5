import { structLayout } from './layout.js';
import { StructView } from './struct-view.js';

/** struct kvm_segment: a segment register with its hidden part. */
export const kvmSegmentLayout = structLayout('kvm_segment', 24, {
  base: [0, 8],
  limit: [8, 4],
  selector: [12, 2],
  type: [14, 1],
  present: [15, 1],
  dpl: [16, 1],
  db: [17, 1],
  s: [18, 1],
  l: [19, 1],
  g: [20, 1],
  avl: [21, 1],
  unusable: [22, 1],
});

/** struct kvm_dtable: GDTR or IDTR. */
export const kvmDtableLayout = structLayout('kvm_dtable', 16, { base: [0, 8], limit: [8, 2] });

/** struct kvm_sregs: segments, control registers, and the interrupt KVM has queued without an in-kernel irqchip. */
export const kvmSregsLayout = structLayout('kvm_sregs', 312, {
  cs: [0, 24],
  ds: [24, 24],
  es: [48, 24],
  fs: [72, 24],
  gs: [96, 24],
  ss: [120, 24],
  tr: [144, 24],
  ldt: [168, 24],
  gdt: [192, 16],
  idt: [208, 16],
  cr0: [224, 8],
  cr2: [232, 8],
  cr3: [240, 8],
  cr4: [248, 8],
  cr8: [256, 8],
  efer: [264, 8],
  apic_base: [272, 8],
  interrupt_bitmap: [280, 32],
});

/** A segment register, or one of the two system segments. */
export type SegmentName = 'cs' | 'ds' | 'es' | 'fs' | 'gs' | 'ss' | 'tr' | 'ldt';
/** A field of struct kvm_segment. */
export type SegmentField = keyof typeof kvmSegmentLayout.fields;
/** A field of struct kvm_dtable. */
export type DtableField = keyof typeof kvmDtableLayout.fields;
/** A scalar of struct kvm_sregs. */
export type ControlRegisterName = 'cr0' | 'cr2' | 'cr3' | 'cr4' | 'cr8' | 'efer' | 'apic_base';

/** Control register bits (SDM volume 3, 2.5) and EFER bits (2.2.1). */
export const CR0_PE = 1 << 0;
export const CR0_MP = 1 << 1;
export const CR0_ET = 1 << 4;
export const CR0_NE = 1 << 5;
export const CR0_WP = 1 << 16;
export const CR0_PG = 0x8000_0000;
export const CR4_TSD = 1 << 2;
export const CR4_PSE = 1 << 4;
export const CR4_PAE = 1 << 5;
export const CR4_MCE = 1 << 6;
export const CR4_OSFXSR = 1 << 9;
export const CR4_OSXMMEXCPT = 1 << 10;
export const CR4_LA57 = 1 << 12;
export const CR4_OSXSAVE = 1 << 18;
export const EFER_SCE = 1 << 0;
export const EFER_LME = 1 << 8;
export const EFER_LMA = 1 << 10;
export const EFER_NXE = 1 << 11;

/** struct kvm_sregs in place: `sregs.number('cr3')`, `sregs.cs.number('dpl')`, `sregs.idt.set('base', 0x1000n)`. */
export class SregsView extends StructView<ControlRegisterName> {
  readonly cs: StructView<SegmentField>;
  readonly ds: StructView<SegmentField>;
  readonly es: StructView<SegmentField>;
  readonly fs: StructView<SegmentField>;
  readonly gs: StructView<SegmentField>;
  readonly ss: StructView<SegmentField>;
  readonly tr: StructView<SegmentField>;
  readonly ldt: StructView<SegmentField>;
  readonly gdt: StructView<DtableField>;
  readonly idt: StructView<DtableField>;

  constructor(data: DataView, base = 0) {
    super(kvmSregsLayout, data, base);
    const segment = (name: SegmentName): StructView<SegmentField> => new StructView(kvmSegmentLayout, data, base + kvmSregsLayout.fields[name].offset);
    const dtable = (name: 'gdt' | 'idt'): StructView<DtableField> => new StructView(kvmDtableLayout, data, base + kvmSregsLayout.fields[name].offset);
    this.cs = segment('cs');
    this.ds = segment('ds');
    this.es = segment('es');
    this.fs = segment('fs');
    this.gs = segment('gs');
    this.ss = segment('ss');
    this.tr = segment('tr');
    this.ldt = segment('ldt');
    this.gdt = dtable('gdt');
    this.idt = dtable('idt');
  }

  /** A structure of its own, zeroed: to be filled by KVM_GET_SREGS. */
  static allocate(): SregsView {
    return new SregsView(new DataView(new ArrayBuffer(kvmSregsLayout.size)));
  }

  /** Current privilege level: SS.DPL, which is what KVM itself uses on VMX and SVM. */
  cpl(): number {
    return this.ss.field.dpl.number();
  }

  /** interrupt_bitmap has a bit for each of 256 vectors; KVM allows at most one to be set. The vector, or -1. */
  queuedInterrupt(): number {
    const at = this.base + kvmSregsLayout.fields.interrupt_bitmap.offset;
    for (let word = 0; word < 8; word++) {
      const bits = this.data.getUint32(at + word * 4, true);
      if (bits !== 0) return word * 32 + (31 - Math.clz32(bits));
    }
    return -1;
  }
}

/** A vCPU in 64-bit mode without a boot: segments, control registers, descriptor tables. Source: Intel SDM vol. 3, 64-bit mode. */
import {
  APIC_BASE_ADDRESS,
  APIC_BASE_BSP,
  APIC_BASE_ENABLE,
  APIC_BASE_X2APIC,
  CR0_ET,
  CR0_MP,
  CR0_NE,
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CR4_MCE,
  CR4_PAE,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
  PAGE_SIZE,
  type SegmentField,
  type SregsView,
  type StructView,
} from '../uapi/index.js';
import * as abi from './abi.js';
import { GDT_BYTES, TSS_BYTES } from './descriptor-tables.js';

/** Where a vCPU's tables are, as guest addresses. */
export interface LongModeState {
  /** CR3. */
  readonly root: number;
  /** The page that `writeDescriptorPage` wrote. */
  readonly descriptors: number;
  /** The page that `writeIdt` wrote. */
  readonly idt: number;
  readonly cpl: 0 | 3;
  /** The first vCPU is the one that would have booted the machine. */
  readonly isFirst: boolean;
}

/** Fills in everything but what KVM_GET_SREGS gave for the rest. The vCPU must have its CPUID: kvm_amd refuses long mode to one without. */
export function setLongMode(sregs: SregsView, { root, descriptors, idt, cpl, isFirst }: LongModeState): void {
  sregs.setNumber('cr0', CR0_PG + (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP));
  sregs.setNumber('cr3', root);
  sregs.setNumber('cr4', CR4_PAE | CR4_MCE);
  sregs.setNumber('efer', EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);
  sregs.setNumber('apic_base', APIC_BASE_ADDRESS + (APIC_BASE_ENABLE | APIC_BASE_X2APIC | (isFirst ? APIC_BASE_BSP : 0)));
  sregs.gdt.setNumber('base', descriptors);
  sregs.gdt.setNumber('limit', GDT_BYTES - 1);
  sregs.idt.setNumber('base', idt);
  sregs.idt.setNumber('limit', PAGE_SIZE - 1);
  const [code, data] = cpl === 0 ? [abi.SELECTOR_KERNEL_CODE, abi.SELECTOR_KERNEL_DATA] : [abi.SELECTOR_USER_CODE, abi.SELECTOR_USER_DATA];
  setSegment(sregs.cs, { selector: code, type: 0xb, dpl: cpl, s: 1, l: 1, g: 1, limit: 0xffffffff });
  for (const segment of [sregs.ds, sregs.es, sregs.fs, sregs.gs, sregs.ss]) {
    setSegment(segment, { selector: data, type: 0x3, dpl: cpl, s: 1, db: 1, g: 1, limit: 0xffffffff });
  }
  setSegment(sregs.tr, { selector: abi.SELECTOR_TSS, type: 0xb, base: descriptors + abi.TSS_OFFSET, limit: TSS_BYTES - 1 });
  setSegment(sregs.ldt, { unusable: 1 });
}

function setSegment(segment: StructView<SegmentField>, values: Partial<Record<SegmentField, number>>): void {
  for (const field of ['base', 'limit', 'selector', 'type', 'dpl', 'db', 's', 'l', 'g', 'avl', 'unusable'] as const) {
    segment.setNumber(field, values[field] ?? 0);
  }
  segment.setNumber('present', values.unusable === 1 ? 0 : 1);
}

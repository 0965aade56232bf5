import { structLayout } from './layout.js';
import { StructView } from './struct-view.js';

/** struct kvm_regs: the general registers. */
export const kvmRegsLayout = structLayout('kvm_regs', 144, {
  rax: [0, 8],
  rbx: [8, 8],
  rcx: [16, 8],
  rdx: [24, 8],
  rsi: [32, 8],
  rdi: [40, 8],
  rsp: [48, 8],
  rbp: [56, 8],
  r8: [64, 8],
  r9: [72, 8],
  r10: [80, 8],
  r11: [88, 8],
  r12: [96, 8],
  r13: [104, 8],
  r14: [112, 8],
  r15: [120, 8],
  rip: [128, 8],
  rflags: [136, 8],
});

/** A general register by its name. */
export type RegName = keyof typeof kvmRegsLayout.fields;

/** RFLAGS bits (SDM volume 1, 3.4.3). */
export const RFLAGS_FIXED = 1 << 1;
export const RFLAGS_TF = 1 << 8;
export const RFLAGS_IF = 1 << 9;
export const RFLAGS_IOPL_SHIFT = 12;

/** struct kvm_regs in place: `regs.number('rip')`, `regs.set('rax', 1n)`. */
export class RegsView extends StructView<RegName> {
  constructor(data: DataView, base = 0) {
    super(kvmRegsLayout, data, base);
  }

  /** A structure of its own, zeroed: to be filled by KVM_GET_REGS. */
  static allocate(): RegsView {
    return new RegsView(new DataView(new ArrayBuffer(kvmRegsLayout.size)));
  }
}

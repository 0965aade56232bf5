/** What the kernel says: numbers, layouts and codecs of KVM and userfaultfd on x86-64. No I/O. */
export * from './apf.js';
export * from './branded.js';
export * from './capabilities.js';
export * from './cpuid.js';
export * from './exit-reasons.js';
export * from './field-view.js';
export * from './ioctl.js';
export * from './kvm-run.js';
export * from './layout.js';
export * from './memory-region.js';
export * from './mman.js';
export * from './msr.js';
export * from './regs.js';
export * from './sregs.js';
export * from './struct-view.js';
export * from './userfaultfd.js';
export * from './vcpu-events.js';

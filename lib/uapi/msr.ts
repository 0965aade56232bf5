/** Model-specific registers this project reads, writes or filters. */

/** IA32_APIC_BASE (SDM volume 3, 11.4.4) and its bits. */
export const MSR_IA32_APIC_BASE = 0x1b;
export const APIC_BASE_BSP = 1 << 8;
export const APIC_BASE_X2APIC = 1 << 10;
export const APIC_BASE_ENABLE = 1 << 11;
export const APIC_BASE_ADDRESS = 0xfee0_0000;

/** x2APIC registers: MSR 0x800 + (xAPIC offset >> 4) (SDM volume 3, 11.12.1.2). */
export const MSR_X2APIC_ID = 0x802;
export const MSR_X2APIC_TPR = 0x808;
export const MSR_X2APIC_EOI = 0x80b;
export const MSR_X2APIC_SPURIOUS = 0x80f;
export const MSR_X2APIC_ICR = 0x830;
export const MSR_X2APIC_LVT_TIMER = 0x832;
export const MSR_X2APIC_TIMER_INITIAL = 0x838;
export const MSR_X2APIC_TIMER_CURRENT = 0x839;
export const MSR_X2APIC_TIMER_DIVIDE = 0x83e;

/** System call and segment base MSRs of long mode. */
export const MSR_IA32_SYSENTER_CS = 0x174;
export const MSR_IA32_SYSENTER_ESP = 0x175;
export const MSR_IA32_SYSENTER_EIP = 0x176;
export const MSR_EFER = 0xc000_0080;
export const MSR_STAR = 0xc000_0081;
export const MSR_LSTAR = 0xc000_0082;
export const MSR_SYSCALL_MASK = 0xc000_0084;
export const MSR_FS_BASE = 0xc000_0100;
export const MSR_GS_BASE = 0xc000_0101;
export const MSR_IA32_TSC = 0x10;

/** Paravirtual MSRs of async page faults (Documentation/virt/kvm/x86/msr.rst). Their bits are in apf.ts. */
export const MSR_KVM_ASYNC_PF_EN = 0x4b56_4d02;
export const MSR_KVM_ASYNC_PF_INT = 0x4b56_4d06;
export const MSR_KVM_ASYNC_PF_ACK = 0x4b56_4d07;

/** KVM_X86_SET_MSR_FILTER: kvm_msr_filter.flags and kvm_msr_filter_range.flags. */
export const KVM_MSR_FILTER_DEFAULT_ALLOW = 0;
export const KVM_MSR_FILTER_DEFAULT_DENY = 1 << 0;
export const KVM_MSR_FILTER_READ = 1 << 0;
export const KVM_MSR_FILTER_WRITE = 1 << 1;
/** Most ranges a filter can have, and most bytes of a range's bitmap. */
export const KVM_MSR_FILTER_MAX_RANGES = 16;
export const KVM_MSR_FILTER_MAX_BITMAP_SIZE = 0x600;

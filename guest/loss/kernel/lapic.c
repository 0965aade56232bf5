/* The local APIC in x2APIC mode. */
#include "kernel.h"

#define MSR_APIC_BASE 0x1b
#define APIC_BASE_ENABLE (1 << 11)
#define APIC_BASE_X2APIC (1 << 10)

#define X2APIC_TPR 0x808
#define X2APIC_EOI 0x80b
#define X2APIC_SVR 0x80f
#define X2APIC_LVT_TIMER 0x832
#define X2APIC_TIMER_INITIAL 0x838
#define X2APIC_TIMER_DIVIDE 0x83e

#define SVR_ENABLE (1 << 8)
#define LVT_PERIODIC (1 << 17)
#define DIVIDE_BY_16 3

void lapic_eoi(void)
{
	wrmsr(X2APIC_EOI, 0);
}

void lapic_start(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
	wrmsr(X2APIC_TPR, 0);
	wrmsr(X2APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	if (!control.timer_count)
		return;
	wrmsr(X2APIC_TIMER_DIVIDE, DIVIDE_BY_16);
	wrmsr(X2APIC_LVT_TIMER, LVT_PERIODIC | VECTOR_TIMER);
	wrmsr(X2APIC_TIMER_INITIAL, control.timer_count);
}

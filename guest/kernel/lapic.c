#include "lapic.h"

#define MSR_APIC_BASE 0x1b
#define APIC_BASE_ENABLE (1 << 11)
#define APIC_BASE_X2APIC (1 << 10)

#define X2APIC_TPR 0x808
#define X2APIC_SVR 0x80f
#define X2APIC_LVT_TIMER 0x832
#define X2APIC_TIMER_INITIAL 0x838
#define X2APIC_TIMER_DIVIDE 0x83e

#define SVR_ENABLE (1 << 8)
#define LVT_PERIODIC (1 << 17)
#define DIVIDE_BY_16 3

void lapic_init(void)
{
	const u64 wanted = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	u64 base = rdmsr(MSR_APIC_BASE);

	/* From disabled to x2APIC is not one legal step: xAPIC lies between (SDM 3A 11.12.5). */
	if (!(base & APIC_BASE_ENABLE))
		wrmsr(MSR_APIC_BASE, base |= APIC_BASE_ENABLE);
	if ((base & wanted) != wanted)
		wrmsr(MSR_APIC_BASE, base | wanted);
	wrmsr(X2APIC_TPR, 0);
	wrmsr(X2APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
}

void lapic_timer_start(u32 initial_count)
{
	wrmsr(X2APIC_TIMER_DIVIDE, DIVIDE_BY_16);
	wrmsr(X2APIC_LVT_TIMER, LVT_PERIODIC | VECTOR_TIMER);
	wrmsr(X2APIC_TIMER_INITIAL, initial_count);
}

/* The local APIC in x2APIC mode: EOI and the tick. */
#ifndef GUEST_LAPIC_H
#define GUEST_LAPIC_H

#include "kernel.h"

#define X2APIC_EOI 0x80b

static inline void lapic_eoi(void)
{
	wrmsr(X2APIC_EOI, 0);
}

void lapic_init(void);
void lapic_timer_start(u32 initial_count);

#endif

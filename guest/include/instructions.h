/* Instructions that C has no words for, as both kernels use them. */
#ifndef GUEST_INSTRUCTIONS_H
#define GUEST_INSTRUCTIONS_H

#include "abi.h"

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

static inline void wrmsr_halves(u32 msr, u32 high, u32 low)
{
	asm volatile("wrmsr" : : "c"(msr), "a"(low), "d"(high) : "memory");
}

static inline void wrmsr(u32 msr, u64 value)
{
	wrmsr_halves(msr, value >> 32, value);
}

static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

static inline u64 read_cr2(void)
{
	u64 cr2;

	asm volatile("mov %%cr2, %0" : "=r"(cr2));
	return cr2;
}

static inline void doorbell(u32 value)
{
	asm volatile("outl %0, %1" : : "a"(value), "N"(DOORBELL_PORT) : "memory");
}

#endif /* GUEST_INSTRUCTIONS_H */

/*
 * Machine checks that report lost memory. As an operating system does: the page is bad from now on, whatever the host does
 * with it later; who touched it gets a signal or an error; the kernel's own unguarded access is the end.
 */
#include "kernel.h"

#define MSR_MCG_CAP 0x179
#define MSR_MCG_STATUS 0x17a
#define MSR_MC0_STATUS 0x401
#define MSR_MC0_ADDR 0x402
#define MSR_MC0_MISC 0x403
#define MSRS_PER_BANK 4

#define MCI_VAL (1ull << 63)
#define MCI_ADDRV (1ull << 58)

#define window_table ((volatile u64 *)LOSS_WINDOW_TABLE)
#define PAGE_PRESENT 1ull
/* Bits of an entry that is not present are software's. */
#define PAGE_BAD (1ull << 9)

static volatile u64 *window_entry(u64 gva)
{
	u64 page = (gva - LOSS_WINDOW_BASE) / PAGE_SIZE;

	return gva >= LOSS_WINDOW_BASE && page < LOSS_WINDOW_PAGES ? &window_table[page] : 0;
}

int is_bad(u64 gva)
{
	volatile u64 *entry = window_entry(gva);

	return entry && (*entry & PAGE_BAD) && !(*entry & PAGE_PRESENT);
}

void mark_bad(u64 gva)
{
	volatile u64 *entry = window_entry(gva);

	if (!entry || is_bad(gva))
		return;
	*entry = (*entry & ~PAGE_PRESENT) | PAGE_BAD;
	asm volatile("invlpg (%0)" : : "r"(gva) : "memory");
	control.bad_pages++;
}

struct frame *handle_machine_check(struct frame *frame)
{
	u32 banks = rdmsr(MSR_MCG_CAP) & 0xff;
	u64 status = 0, address = 0;

	control.machine_checks++;
	for (u32 bank = 0; bank < banks && !(status & MCI_VAL); bank++) {
		status = rdmsr(MSR_MC0_STATUS + bank * MSRS_PER_BANK);
		if (!(status & MCI_VAL))
			continue;
		address = rdmsr(MSR_MC0_ADDR + bank * MSRS_PER_BANK);
		control.last_mci_status = status;
		control.last_mci_misc = rdmsr(MSR_MC0_MISC + bank * MSRS_PER_BANK);
		wrmsr(MSR_MC0_STATUS + bank * MSRS_PER_BANK, 0);
	}
	log_event(LOG_MACHINE_CHECK, address, status);
	wrmsr(MSR_MCG_STATUS, 0);
	if (!(status & MCI_VAL) || !(status & MCI_ADDRV))
		panic(PANIC_MACHINE_CHECK, frame, status);
	/* The bank has a physical address; the window is mapped one to one. */
	mark_bad(address);
	if (from_user(frame))
		return send_signal(frame, SIGNAL_BUS, CODE_BUS_MCEERR_AR, address);
	if (fix_up(frame, ERROR_EIO))
		return frame;
	panic(PANIC_LOST_MEMORY, frame, address);
}

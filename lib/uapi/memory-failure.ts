/** How the kernel tells a process of poisoned memory: SIGBUS with one of these as its si_code (sigaction(2)). */

/** The access cannot go on without the memory ("action required"). */
export const BUS_MCEERR_AR = 4;
/** The memory is lost, but nobody needs it yet ("action optional"). */
export const BUS_MCEERR_AO = 5;

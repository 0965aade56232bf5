/* Which accesses of the kernel may fail, and where it goes on when they do. */
#include "kernel.h"

struct exception_entry {
	u64 access;
	u64 fixup;
};

extern const struct exception_entry exception_table[], exception_table_end[];

/* True when the frame's access is guarded: it then goes on at its fixup, with `error` in rax. */
int fix_up(struct frame *frame, u64 error)
{
	for (const struct exception_entry *entry = exception_table; entry < exception_table_end; entry++) {
		if (entry->access != frame->rip)
			continue;
		log_event(LOG_FIXUP, frame->rip, error);
		control.fixups++;
		frame->rip = entry->fixup;
		frame->rax = error;
		return 1;
	}
	return 0;
}

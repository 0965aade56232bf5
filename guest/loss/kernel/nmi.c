/* The NMI handler. It may come anywhere, within the other handlers too. */
#include "kernel.h"

struct frame *handle_nmi(struct frame *frame)
{
	/* The #VE handler's last instructions run with the word clear: a #VE of this handler would destroy their stack. */
	u32 busy = ve_information.busy;
	u64 value;

	ve_information.busy = VE_BUSY;
	control.nmis++;
	log_event(LOG_NMI, frame->rip, 0);
	if (control.nmi_action == NMI_PAGE_FAULT)
		control.nmi_lost += guarded_read((const void *)LOSS_UNMAPPED, &value) != 0;
	else if (control.nmi_action == NMI_LOAD)
		control.nmi_lost += guarded_read((const void *)control.nmi_address, &value) != 0;
	ve_information.busy = busy;
	return frame;
}

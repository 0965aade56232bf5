/* Asynchronous page faults, the guest's half of the protocol (msr.rst: MSR_KVM_ASYNC_PF_EN, _INT, _ACK). */
#ifndef GUEST_APF_H
#define GUEST_APF_H

/* vcpu_block.apf_flags, the first word of the shared area. */
#define APF_REASON_NOT_PRESENT 1

#ifndef __ASSEMBLER__
/* Enables the events when the host offers them as an interrupt; otherwise faults stay synchronous. */
void apf_init(void);
/* A page fault that is no not-present event: panics unless the shared area says nothing at all. */
void apf_check_reason(void);
#endif

#endif

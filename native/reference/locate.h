// Which page of the window a failed KVM_RUN is about: the instruction at RIP, its memory operand, the guest's page
// tables.
//
// Instructions are remembered by RIP and compared with the bytes that are there now, so each is decoded once. The
// decoder knows what compilers make of plain loads and stores; any other instruction ends the program with UNDECODED.
#ifndef KVM_FAULTLAB_REFERENCE_LOCATE_H_
#define KVM_FAULTLAB_REFERENCE_LOCATE_H_

#include <linux/kvm.h>
#include <stdint.h>

#include "guest.h"
#include "memory.h"

// Of one access: it may lie across two pages.
#define MOST_FAULTING_PAGES 2

struct locator;

struct locator* MakeLocator(const struct guest* guest, const struct window* window, const struct pages* pages);

// The missing pages that the instruction at RIP touches; how many. 0: all have come meanwhile. Fails with UNDECODED or
// FAULT_UNEXPLAINED.
unsigned Locate(struct locator* locator, const struct kvm_sync_regs* regs, uint64_t found[MOST_FAULTING_PAGES]);

#endif  // KVM_FAULTLAB_REFERENCE_LOCATE_H_

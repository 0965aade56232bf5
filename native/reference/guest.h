// The guest in its memory: where everything lies, its page tables and descriptors, its job in the mailbox.
#ifndef KVM_FAULTLAB_REFERENCE_GUEST_H_
#define KVM_FAULTLAB_REFERENCE_GUEST_H_

#include <stdint.h>

#include "../../guest/include/abi.h"
#include "elf_image.h"
#include "memory.h"
#include "options.h"

struct guest {
  struct ram low;
  struct ram tables;
  uint64_t entry;
  uint64_t stack_top;
  // CR3.
  uint64_t root;
  // gpas of the tables.
  uint64_t order, sums, latencies, expected;
  uint64_t order_entries;
};

// Fails with GUEST_ELF or FILE.
struct guest LoadGuest(const struct options* options);

static inline struct mailbox* MailboxOf(const struct guest* guest) {
  return InRam(&guest->low, MAILBOX_BASE, PAGE_SIZE);
}
static inline struct vcpu_block* BlockOf(const struct guest* guest) {
  return InRam(&guest->low, VCPU_BLOCK_BASE, PAGE_SIZE);
}

#endif  // KVM_FAULTLAB_REFERENCE_GUEST_H_

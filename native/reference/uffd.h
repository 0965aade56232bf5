// The userfaultfd behind the window.
#ifndef KVM_FAULTLAB_REFERENCE_UFFD_H_
#define KVM_FAULTLAB_REFERENCE_UFFD_H_

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"

// `reports`: faults sleep and are read from the descriptor; else the access fails at once. Fail with UFFD.
int OpenUffd(bool reports);
void RegisterWindow(int uffd, const struct window* window);
// Wakes everybody who sleeps for a page. The guest must not run any more.
void UnregisterWindow(int uffd, const struct window* window);
// Makes pages, whose contents the host view has, present in the guest view, and wakes who sleeps for them.
void MapPages(int uffd, const struct window* window, uint64_t page, uint64_t count);

#endif  // KVM_FAULTLAB_REFERENCE_UFFD_H_

// Memory of the guest: ordinary RAM, always present, and the demand-paged window, mapped twice.
#ifndef KVM_FAULTLAB_REFERENCE_MEMORY_H_
#define KVM_FAULTLAB_REFERENCE_MEMORY_H_

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ram {
  uint8_t* bytes;
  uint64_t gpa;
  uint64_t size;
};

struct window {
  int fd;
  uint64_t pages;
  // Written by the resolver.
  uint8_t* host_view;
  // In the memslot, registered with userfaultfd. This program never touches it.
  uint8_t* guest_view;
};

// Zeroed. Fail with MEMORY.
struct ram MakeRam(uint64_t gpa, uint64_t size);
struct window MakeWindow(uint64_t pages);

// Host address of `size` bytes at a gpa that may come from the guest; NULL when they are not wholly inside.
static inline void* InRam(const struct ram* ram, uint64_t gpa, uint64_t size) {
  if (gpa < ram->gpa || gpa - ram->gpa > ram->size || size > ram->size - (gpa - ram->gpa)) return NULL;
  return ram->bytes + (gpa - ram->gpa);
}

// Where each page of the window stands; a vCPU sleeps on the word of the page that it needs.
enum page_state { PAGE_MISSING, PAGE_REQUESTED, PAGE_PRESENT };

struct pages {
  _Atomic uint32_t* states;
  // One bit a page, set while it is missing.
  _Atomic uint32_t* bitmap;
};

struct pages MakePages(uint64_t count);

static inline bool IsMissing(const struct pages* pages, uint64_t page) {
  return (atomic_load(&pages->bitmap[page / 32]) >> (page % 32) & 1) != 0;
}

static inline bool IsPresent(const struct pages* pages, uint64_t page) {
  return atomic_load(&pages->states[page]) == PAGE_PRESENT;
}

#endif  // KVM_FAULTLAB_REFERENCE_MEMORY_H_

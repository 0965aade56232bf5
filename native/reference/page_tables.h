// Builds 4-level page tables in guest memory (Intel SDM vol. 3, paging).
#ifndef KVM_FAULTLAB_REFERENCE_PAGE_TABLES_H_
#define KVM_FAULTLAB_REFERENCE_PAGE_TABLES_H_

#include <stdint.h>

#include "memory.h"

#define LARGE_PAGE_BYTES (2ULL << 20)

struct page_tables {
  const struct ram* ram;
  // gpa of the next frame that is free.
  uint64_t next_frame;
  uint64_t root;
};

struct access {
  bool write, user, execute;
};

// `first_frame` and on are free and zeroed.
struct page_tables MakePageTables(const struct ram* ram, uint64_t first_frame);

// Whole pages of 4 KiB, and of 2 MiB.
void MapSmall(struct page_tables* tables, uint64_t gva, uint64_t gpa, uint64_t size, struct access access);
void MapLarge(struct page_tables* tables, uint64_t gva, uint64_t gpa, uint64_t size, struct access access);

#endif  // KVM_FAULTLAB_REFERENCE_PAGE_TABLES_H_

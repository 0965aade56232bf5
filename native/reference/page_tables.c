#include "page_tables.h"

#include "../../guest/include/abi.h"
#include "failure.h"

#define PTE_PRESENT 1ULL
#define PTE_WRITE 2ULL
#define PTE_USER 4ULL
// Set beforehand, so that no walk ever has to write into the tables.
#define PTE_ACCESSED 0x20ULL
#define PTE_DIRTY 0x40ULL
#define PTE_LARGE 0x80ULL
#define PTE_NO_EXECUTE (1ULL << 63)
#define PTE_FRAME 0x000ffffffffff000ULL

static uint64_t AllocateFrame(struct page_tables* tables) {
  const uint64_t frame = tables->next_frame;
  if (InRam(tables->ram, frame, PAGE_SIZE) == NULL) Fail("MEMORY", "the guest's RAM has no room for its page tables");
  tables->next_frame += PAGE_SIZE;
  return frame;
}

static uint64_t* EntryOf(const struct page_tables* tables, uint64_t table, uint64_t gva, unsigned level) {
  return (uint64_t*)InRam(tables->ram, table, PAGE_SIZE) + (gva >> (12 + 9 * level) & 511);
}

static uint64_t Descend(struct page_tables* tables, uint64_t table, uint64_t gva, unsigned level) {
  uint64_t* entry = EntryOf(tables, table, gva, level);
  // Upper levels allow everything; the leaf decides.
  if ((*entry & PTE_PRESENT) == 0) *entry = AllocateFrame(tables) | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
  return *entry & PTE_FRAME;
}

static uint64_t LeafOf(struct access access) {
  return PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | (access.write ? PTE_WRITE : 0) | (access.user ? PTE_USER : 0) |
         (access.execute ? 0 : PTE_NO_EXECUTE);
}

struct page_tables MakePageTables(const struct ram* ram, uint64_t first_frame) {
  struct page_tables tables = {.ram = ram, .next_frame = first_frame};
  tables.root = AllocateFrame(&tables);
  return tables;
}

void MapSmall(struct page_tables* tables, uint64_t gva, uint64_t gpa, uint64_t size, struct access access) {
  for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
    uint64_t table = tables->root;
    for (unsigned level = 3; level > 0; level--) table = Descend(tables, table, gva + at, level);
    *EntryOf(tables, table, gva + at, 0) = (gpa + at) | LeafOf(access);
  }
}

void MapLarge(struct page_tables* tables, uint64_t gva, uint64_t gpa, uint64_t size, struct access access) {
  for (uint64_t at = 0; at < size; at += LARGE_PAGE_BYTES) {
    uint64_t table = tables->root;
    for (unsigned level = 3; level > 1; level--) table = Descend(tables, table, gva + at, level);
    *EntryOf(tables, table, gva + at, 1) = (gpa + at) | LeafOf(access) | PTE_LARGE;
  }
}

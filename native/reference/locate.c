#include "locate.h"

#include <stdbool.h>
#include <string.h>

#include "decode.h"
#include "failure.h"

#define MOST_REMEMBERED 256
#define PTE_PRESENT 1ULL
#define PTE_LARGE 0x80ULL
#define PTE_FRAME 0x000ffffffffff000ULL
// Of failed accesses whose pages are all there: a race, unless it goes on like this.
#define MOST_SPURIOUS_IN_A_ROW 1000

struct remembered {
  uint64_t rip;
  uint8_t bytes[MOST_INSTRUCTION_BYTES];
  struct instruction instruction;
};

struct locator {
  const struct guest* guest;
  const struct window* window;
  const struct pages* pages;
  unsigned spurious_in_a_row;
  struct remembered cache[MOST_REMEMBERED];
};

struct locator* MakeLocator(const struct guest* guest, const struct window* window, const struct pages* pages) {
  struct locator* locator = Allocate(1, sizeof *locator);
  locator->guest = guest;
  locator->window = window;
  locator->pages = pages;
  return locator;
}

// Only CR4.LA57 = 0, which this program's guest never sets.
static bool Translate(const struct locator* locator, uint64_t cr3, uint64_t gva, uint64_t* gpa) {
  const uint64_t top = gva >> 47;
  if (top != 0 && top != 0x1ffff) return false;
  uint64_t table = cr3 & PTE_FRAME;
  for (int level = 3; level >= 0; level--) {
    const unsigned shift = 12 + 9 * (unsigned)level;
    const uint64_t* entry = InRam(&locator->guest->low, table + (gva >> shift & 511) * sizeof *entry, sizeof *entry);
    if (entry == NULL || (*entry & PTE_PRESENT) == 0) return false;
    const uint64_t frame = *entry & PTE_FRAME;
    if (level == 0 || (level <= 2 && (*entry & PTE_LARGE) != 0)) {
      const uint64_t span = 1ULL << shift;
      *gpa = (frame & ~(span - 1)) + (gva & (span - 1));
      return true;
    }
    table = frame;
  }
  return false;
}

// Index of the window's page at a gpa, or -1.
static int64_t WindowPage(const struct locator* locator, uint64_t gpa) {
  if (gpa < WINDOW_BASE) return -1;
  const uint64_t page = (gpa - WINDOW_BASE) / PAGE_SIZE;
  return page < locator->window->pages ? (int64_t)page : -1;
}

// The instruction's bytes; how many can be had.
static unsigned Fetch(const struct locator* locator, const struct kvm_sync_regs* regs, uint8_t* bytes) {
  unsigned count = 0;
  while (count < MOST_INSTRUCTION_BYTES) {
    uint64_t gpa = 0;
    const uint64_t gva = regs->regs.rip + count;
    if (!Translate(locator, regs->sregs.cr3, gva, &gpa)) break;
    unsigned length = MOST_INSTRUCTION_BYTES - count;
    if (length > PAGE_SIZE - gpa % PAGE_SIZE) length = (unsigned)(PAGE_SIZE - gpa % PAGE_SIZE);
    const int64_t page = WindowPage(locator, gpa);
    const void* from = InRam(&locator->guest->low, gpa, length);
    if (page >= 0 && !IsMissing(locator->pages, (uint64_t)page))
      from = locator->window->host_view + (gpa - WINDOW_BASE);
    if (from == NULL) break;
    memcpy(bytes + count, from, length);
    count += length;
  }
  return count;
}

static const struct instruction* LookUp(struct locator* locator, uint64_t rip, const uint8_t* bytes, unsigned count) {
  struct remembered* known = &locator->cache[(rip ^ rip >> 8) % MOST_REMEMBERED];
  const struct instruction* instruction = &known->instruction;
  if (known->rip == rip && instruction->length != 0 && memcmp(known->bytes, bytes, instruction->length) == 0)
    return instruction;
  struct remembered fresh = {.rip = rip};
  if (!Decode(bytes, count, &fresh.instruction)) {
    Fail("UNDECODED",
         "KVM_RUN failed with EFAULT at rip 0x%llx, at an instruction (%02x %02x %02x %02x) that is no plain load or "
         "store",
         (unsigned long long)rip, bytes[0], bytes[1], bytes[2], bytes[3]);
  }
  memcpy(fresh.bytes, bytes, count);
  *known = fresh;
  return instruction;
}

unsigned Locate(struct locator* locator, const struct kvm_sync_regs* regs, uint64_t found[MOST_FAULTING_PAGES]) {
  uint8_t bytes[MOST_INSTRUCTION_BYTES] = {0};
  const unsigned available = Fetch(locator, regs, bytes);
  const struct instruction* instruction = LookUp(locator, regs->regs.rip, bytes, available);
  const uint64_t address = AddressOf(&instruction->operand, &regs->regs, instruction->length);
  unsigned count = 0;
  bool in_window = false;
  for (uint64_t page_start = address & ~(PAGE_SIZE - 1ULL); page_start < address + instruction->operand.size;
       page_start += PAGE_SIZE) {
    uint64_t gpa = 0;
    if (!Translate(locator, regs->sregs.cr3, page_start, &gpa)) continue;
    const int64_t page = WindowPage(locator, gpa);
    if (page < 0) continue;
    in_window = true;
    if (IsMissing(locator->pages, (uint64_t)page) && count < MOST_FAULTING_PAGES) found[count++] = (uint64_t)page;
  }
  if (!in_window) {
    Fail("FAULT_UNEXPLAINED", "KVM_RUN failed with EFAULT at rip 0x%llx, which touches no page of the window",
         (unsigned long long)regs->regs.rip);
  }
  locator->spurious_in_a_row = count == 0 ? locator->spurious_in_a_row + 1 : 0;
  if (locator->spurious_in_a_row > MOST_SPURIOUS_IN_A_ROW)
    Fail("FAULT_UNEXPLAINED", "KVM_RUN keeps failing with EFAULT although every page that is touched is there");
  return count;
}

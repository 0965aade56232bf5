#include "guest.h"

#include <elf.h>
#include <string.h>

#include "failure.h"
#include "page_tables.h"

#define MOST_ORDER_BYTES (1ULL << 30)
// PML4, PDPT, the page directory of the first GiB, and page tables for its first two large pages.
#define OWN_FRAMES 5
#define GIGABYTE (1ULL << 30)
#define TSS_BYTES 104
#define APIC_TIMER_DIVIDER 16

static uint64_t RoundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

static void* Must(void* address, const char* what) {
  if (address == NULL) Fail("GUEST_ELF", "the guest's %s lies outside its RAM", what);
  return address;
}

static void WriteDescriptors(const struct elf_image* elf, const struct guest* guest) {
  uint8_t* page = Must(InRam(&guest->low, DESCRIPTOR_BASE, PAGE_SIZE), "descriptor page");
  const uint64_t tss = DESCRIPTOR_BASE + TSS_OFFSET;
  uint64_t* gdt = (uint64_t*)page;
  gdt[SELECTOR_KERNEL_CODE / 8] = 0x00af9b000000ffff;
  gdt[SELECTOR_KERNEL_DATA / 8] = 0x00cf93000000ffff;
  gdt[SELECTOR_USER_DATA / 8] = 0x00cff3000000ffff;
  gdt[SELECTOR_USER_CODE / 8] = 0x00affb000000ffff;
  gdt[SELECTOR_TSS / 8] = (TSS_BYTES - 1) | (tss & 0xffffff) << 16 | 0x8bULL << 40 | (tss >> 24 & 0xff) << 56;
  gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
  memcpy(page + TSS_OFFSET + 4, &guest->stack_top, sizeof guest->stack_top);
  for (unsigned ist = 1; ist <= IST_COUNT; ist++) {
    const char name[] = {'i', 's', 't', (char)('0' + ist), '_', 's', 't', 'a', 'c', 'k', '_', 't', 'o', 'p', '\0'};
    const uint64_t stack = SymbolOf(elf, name);
    memcpy(page + TSS_OFFSET + 36 + (ist - 1) * sizeof stack, &stack, sizeof stack);
  }
  // I/O permission map beyond the limit: no ports at CPL3.
  const uint16_t no_map = TSS_BYTES;
  memcpy(page + TSS_OFFSET + 102, &no_map, sizeof no_map);
}

static void WriteIdt(const struct elf_image* elf, const struct guest* guest) {
  uint8_t* idt = Must(InRam(&guest->low, IDT_BASE, PAGE_SIZE), "IDT");
  const uint64_t table = SymbolOf(elf, "vector_table");
  for (unsigned i = 0; i < elf->segment_count; i++) {
    const struct segment* segment = &elf->segments[i];
    if (table < segment->address || table >= segment->address + segment->file_size) continue;
    for (uint64_t at = table - segment->address; at + sizeof(struct vector_entry) <= segment->file_size;
         at += sizeof(struct vector_entry)) {
      struct vector_entry entry;
      memcpy(&entry, elf->file.data + segment->file_offset + at, sizeof entry);
      if (entry.handler == 0) return;
      if (entry.vector > 255 || entry.ist > IST_COUNT || (entry.dpl != 0 && entry.dpl != 3))
        Fail("GUEST_ELF", "an entry of the guest's vector_table makes no sense");
      const uint64_t gate[2] = {(entry.handler & 0xffff) | (uint64_t)SELECTOR_KERNEL_CODE << 16 |
                                    (uint64_t)entry.ist << 32 | (0x8eULL | (uint64_t)entry.dpl << 5) << 40 |
                                    (entry.handler >> 16 & 0xffff) << 48,
                                entry.handler >> 32};
      memcpy(idt + entry.vector * sizeof gate, gate, sizeof gate);
    }
  }
  Fail("GUEST_ELF", "the guest's vector_table lies in no segment, or has no end");
}

// One vCPU: what is private to a vCPU lies where the image says, at other frames.
static void LoadSegments(const struct elf_image* elf, const struct guest* guest, struct page_tables* tables,
                         uint64_t private_start, uint64_t private_frames) {
  for (unsigned i = 0; i < elf->segment_count; i++) {
    const struct segment* segment = &elf->segments[i];
    const uint64_t start = segment->address - segment->address % PAGE_SIZE;
    const uint64_t shift = (segment->flags & PF_PRIVATE) != 0 ? private_frames - private_start : 0;
    const uint64_t size = RoundUp(segment->address + segment->memory_size - start, PAGE_SIZE);
    memcpy(Must(InRam(&guest->low, segment->address + shift, segment->memory_size), "image"),
           elf->file.data + segment->file_offset, segment->file_size);
    const struct access access = {
        .write = (segment->flags & PF_W) != 0,
        .user = (segment->flags & PF_USER) != 0,
        .execute = (segment->flags & PF_X) != 0,
    };
    MapSmall(tables, start, start + shift, size, access);
  }
}

static void PrivateRange(const struct elf_image* elf, uint64_t* start, uint64_t* size) {
  uint64_t end = 0;
  *start = IMAGE_LIMIT;
  for (unsigned i = 0; i < elf->segment_count; i++) {
    const struct segment* segment = &elf->segments[i];
    if ((segment->flags & PF_PRIVATE) == 0) continue;
    if (segment->address < *start) *start = segment->address - segment->address % PAGE_SIZE;
    if (segment->address + segment->memory_size > end) end = segment->address + segment->memory_size;
  }
  *size = end == 0 ? 0 : RoundUp(end, PAGE_SIZE) - *start;
}

static void WriteJob(const struct options* options, const struct guest* guest) {
  struct mailbox* mailbox = MailboxOf(guest);
  mailbox->magic = ABI_MAGIC;
  mailbox->abi_version = ABI_VERSION;
  mailbox->vcpu_count = 1;
  mailbox->fault_tasks = (u32)options->fault_tasks;
  mailbox->work_tasks = (u32)options->work_tasks;
  mailbox->trap_by = (u32)options->trap_by;
  mailbox->timer_count = (u32)(options->tick_ns / APIC_TIMER_DIVIDER);
  mailbox->control_ticks = (u32)options->control_ticks;
  mailbox->page_count = guest->order_entries;
  mailbox->window = WINDOW_BASE;
  mailbox->order = guest->order;
  mailbox->sums = guest->sums;
  mailbox->latencies = guest->latencies;
  mailbox->expected = options->expected == NULL ? 0 : guest->expected;
}

static void WriteTables(const struct options* options, const struct guest* guest, struct bytes order) {
  for (uint64_t i = 0; i < guest->order_entries; i++) {
    uint32_t page;
    memcpy(&page, order.data + i * sizeof page, sizeof page);
    if (page >= options->window_pages) Fail("FILE", "%s names page %u, outside the window", options->order, page);
  }
  memcpy(InRam(&guest->tables, guest->order, order.size), order.data, order.size);
  if (options->expected == NULL) return;
  const uint64_t size = options->window_pages * sizeof(uint64_t);
  const struct bytes expected = ReadFile(options->expected, size);
  if (expected.size != size) Fail("FILE", "%s has no checksum for each page of the window", options->expected);
  memcpy(InRam(&guest->tables, guest->expected, size), expected.data, size);
}

struct guest LoadGuest(const struct options* options) {
  const struct elf_image elf = ReadElf(options->guest);
  const struct bytes order = ReadFile(options->order, MOST_ORDER_BYTES);
  if (order.size == 0 || order.size % sizeof(uint32_t) != 0)
    Fail("FILE", "%s is no list of 32-bit page indexes", options->order);
  struct guest guest = {.entry = elf.entry, .order_entries = order.size / sizeof(uint32_t)};

  const uint64_t by_page = RoundUp(options->window_pages * sizeof(uint64_t), PAGE_SIZE);
  guest.order = TABLES_BASE;
  guest.sums = guest.order + RoundUp(order.size, PAGE_SIZE);
  guest.latencies = guest.sums + by_page;
  guest.expected = guest.latencies + by_page;
  const uint64_t tables_size = RoundUp(guest.expected + by_page - TABLES_BASE, LARGE_PAGE_BYTES);
  if (TABLES_BASE + tables_size > WINDOW_BASE) Fail("USAGE", "the tables of so many pages have no room");

  uint64_t private_start = 0;
  uint64_t private_size = 0;
  PrivateRange(&elf, &private_start, &private_size);
  const uint64_t private_frames = VCPU_BLOCK_BASE + (uint64_t)MAX_VCPUS * PAGE_SIZE;
  const uint64_t first_frame = private_frames + private_size;
  const uint64_t window_size = options->window_pages * PAGE_SIZE;
  const uint64_t frames =
      OWN_FRAMES + (window_size + GIGABYTE - 1) / GIGABYTE + (tables_size + GIGABYTE - 1) / GIGABYTE;
  guest.low = MakeRam(0, RoundUp(first_frame + frames * PAGE_SIZE, LARGE_PAGE_BYTES));
  guest.tables = MakeRam(TABLES_BASE, tables_size);
  guest.stack_top = SymbolOf(&elf, "kernel_stack_top");

  const struct access kernel_data = {.write = true};
  const struct access user_data = {.write = true, .user = true};
  const struct access window_access = {.write = true, .user = true, .execute = true};
  struct page_tables tables = MakePageTables(&guest.low, first_frame);
  guest.root = tables.root;
  MapSmall(&tables, IDT_BASE, IDT_BASE, PAGE_SIZE, kernel_data);
  MapSmall(&tables, DESCRIPTOR_BASE, DESCRIPTOR_BASE, PAGE_SIZE, kernel_data);
  LoadSegments(&elf, &guest, &tables, private_start, private_frames);
  MapSmall(&tables, MAILBOX_BASE, MAILBOX_BASE, 2ULL * PAGE_SIZE, user_data);
  MapLarge(&tables, TABLES_BASE, TABLES_BASE, tables_size, user_data);
  MapLarge(&tables, WINDOW_BASE, WINDOW_BASE, RoundUp(window_size, LARGE_PAGE_BYTES), window_access);

  WriteIdt(&elf, &guest);
  WriteDescriptors(&elf, &guest);
  WriteJob(options, &guest);
  WriteTables(options, &guest, order);
  return guest;
}

#include "memory.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../guest/include/abi.h"
#include "failure.h"

static int MakeMemfd(const char* name, uint64_t size) {
  const int fd = (int)Checked(memfd_create(name, MFD_CLOEXEC), "MEMORY", "memfd_create");
  Checked(ftruncate(fd, (off_t)size), "MEMORY", "ftruncate of a memfd");
  return fd;
}

static uint8_t* Map(int fd, uint64_t size) {
  void* address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (address == MAP_FAILED) FailErrno("MEMORY", "mmap of guest memory");
  return address;
}

struct ram MakeRam(uint64_t gpa, uint64_t size) {
  const int fd = MakeMemfd("reference-ram", size);
  uint8_t* bytes = Map(fd, size);
  close(fd);
  return (struct ram){.bytes = bytes, .gpa = gpa, .size = size};
}

struct window MakeWindow(uint64_t pages) {
  const uint64_t size = pages * PAGE_SIZE;
  const int fd = MakeMemfd("reference-window", size);
  struct window window = {.fd = fd, .pages = pages, .host_view = Map(fd, size), .guest_view = Map(fd, size)};
  // Each page is to fault on its own.
  Checked(madvise(window.guest_view, size, MADV_NOHUGEPAGE), "MEMORY", "MADV_NOHUGEPAGE");
  return window;
}

struct pages MakePages(uint64_t count) {
  struct pages pages = {
      .states = Allocate(count, sizeof *pages.states),
      .bitmap = Allocate(count / 32 + 1, sizeof *pages.bitmap),
  };
  for (uint64_t page = 0; page < count; page++) atomic_fetch_or(&pages.bitmap[page / 32], 1U << page % 32);
  return pages;
}

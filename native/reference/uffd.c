#include "uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../guest/include/abi.h"
#include "failure.h"

// What the process's changing mappings may cost; more than this is a fault of ours.
#define MOST_RETRIES 1000

int OpenUffd(bool reports) {
  const int flags = O_CLOEXEC | O_NONBLOCK;
  long fd = syscall(SYS_userfaultfd, flags);
#ifdef USERFAULTFD_IOC_NEW
  if (fd < 0) {
    const int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
    if (device >= 0) {
      fd = ioctl(device, USERFAULTFD_IOC_NEW, flags);
      close(device);
    }
  }
#endif
  Checked(fd, "UFFD", "userfaultfd");
  struct uffdio_api api = {
      .api = UFFD_API,
      .features = UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM |
                  (reports ? UFFD_FEATURE_THREAD_ID : UFFD_FEATURE_SIGBUS),
  };
  Checked(ioctl((int)fd, UFFDIO_API, &api), "UFFD", "UFFDIO_API");
  return (int)fd;
}

static struct uffdio_range RangeOf(const struct window* window, uint64_t page, uint64_t count) {
  return (struct uffdio_range){.start = (uintptr_t)window->guest_view + page * PAGE_SIZE, .len = count * PAGE_SIZE};
}

void RegisterWindow(int uffd, const struct window* window) {
  struct uffdio_register request = {
      .range = RangeOf(window, 0, window->pages),
      .mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR,
  };
  Checked(ioctl(uffd, UFFDIO_REGISTER, &request), "UFFD", "UFFDIO_REGISTER");
}

void UnregisterWindow(int uffd, const struct window* window) {
  struct uffdio_range range = RangeOf(window, 0, window->pages);
  ioctl(uffd, UFFDIO_UNREGISTER, &range);
}

void MapPages(int uffd, const struct window* window, uint64_t page, uint64_t count) {
  const uint64_t end = page + count;
  for (unsigned retry = 0; page < end;) {
    struct uffdio_continue request = {.range = RangeOf(window, page, end - page)};
    const int result = ioctl(uffd, UFFDIO_CONTINUE, &request);
    const int error = errno;
    if (request.mapped > 0) {
      page += (uint64_t)request.mapped / PAGE_SIZE;
    } else if (result < 0 && error == EEXIST) {
      // Mapped already: only sleepers that came after it was mapped need a wake-up.
      struct uffdio_range range = RangeOf(window, page++, 1);
      ioctl(uffd, UFFDIO_WAKE, &range);
    } else if (++retry > MOST_RETRIES || (error != EAGAIN && error != EFAULT)) {
      Fail("UFFD", "UFFDIO_CONTINUE of page %llu: %s", (unsigned long long)page, strerrordesc_np(error));
    } else if (error == EFAULT) {
      // Not in the page cache: the image ends before this page, so it reads as zero.
      Checked(fallocate(window->fd, FALLOC_FL_KEEP_SIZE, (off_t)(page * PAGE_SIZE), (off_t)((end - page) * PAGE_SIZE)),
              "UFFD", "fallocate");
    }
  }
}

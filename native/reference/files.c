#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"

struct bytes ReadFile(const char* path, uint64_t most) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) Fail("FILE", "%s cannot be opened: %s", path, strerrordesc_np(errno));
  struct stat status;
  Checked(fstat(fd, &status), "FILE", path);
  if (!S_ISREG(status.st_mode) || status.st_size < 0 || (uint64_t)status.st_size > most)
    Fail("FILE", "%s is no regular file of at most %llu bytes", path, (unsigned long long)most);
  const uint64_t size = (uint64_t)status.st_size;
  uint8_t* data = Allocate(size + 1, 1);
  for (uint64_t done = 0; done < size;) {
    const ssize_t got = read(fd, data + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      Fail("FILE", "%s cannot be read to its end: %s", path, got == 0 ? "it became shorter" : strerrordesc_np(errno));
    done += (uint64_t)got;
  }
  close(fd);
  return (struct bytes){data, size};
}

void WriteFile(const char* path, const void* data, uint64_t size) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) Fail("FILE", "%s cannot be made: %s", path, strerrordesc_np(errno));
  for (uint64_t done = 0; done < size;) {
    const ssize_t put = write(fd, (const uint8_t*)data + done, size - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) Fail("FILE", "%s cannot be written: %s", path, strerrordesc_np(errno));
    done += (uint64_t)put;
  }
  if (close(fd) != 0) Fail("FILE", "%s cannot be written: %s", path, strerrordesc_np(errno));
}

// Whole files, in and out.
#ifndef KVM_FAULTLAB_REFERENCE_FILES_H_
#define KVM_FAULTLAB_REFERENCE_FILES_H_

#include <stdint.h>

struct bytes {
  const uint8_t* data;
  uint64_t size;
};

// A regular file of at most `most` bytes. Fails with FILE.
struct bytes ReadFile(const char* path, uint64_t most);

// Fails with FILE.
void WriteFile(const char* path, const void* data, uint64_t size);

#endif  // KVM_FAULTLAB_REFERENCE_FILES_H_

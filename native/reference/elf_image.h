// The guest's ELF file: loadable segments and symbols, every field checked.
#ifndef KVM_FAULTLAB_REFERENCE_ELF_IMAGE_H_
#define KVM_FAULTLAB_REFERENCE_ELF_IMAGE_H_

#include <stdint.h>

#include "files.h"

#define MOST_SEGMENTS 16

struct segment {
  uint64_t address;
  uint64_t file_offset;
  uint64_t file_size;
  uint64_t memory_size;
  uint32_t flags;
};

struct elf_image {
  const char* path;
  struct bytes file;
  uint64_t entry;
  unsigned segment_count;
  struct segment segments[MOST_SEGMENTS];
};

// Fails with GUEST_ELF.
struct elf_image ReadElf(const char* path);

// The value of a symbol. Fails with GUEST_ELF where there is none.
uint64_t SymbolOf(const struct elf_image* elf, const char* name);

#endif  // KVM_FAULTLAB_REFERENCE_ELF_IMAGE_H_

// Tables of structures and requests, by the kernel's names.
#ifndef KVM_FAULTLAB_LAYOUT_TABLE_H_
#define KVM_FAULTLAB_LAYOUT_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace faultlab {

struct Field {
  const char* name;
  size_t offset;
  size_t sizeBytes;
};

struct Layout {
  const char* name;
  size_t sizeBytes;
  const Field* fields;
  size_t count;
};

struct Request {
  const char* name;
  uint32_t number;
};

struct LayoutGroup {
  const Layout* layouts;
  size_t layoutCount;
  const Request* requests;
  size_t requestCount;
};

extern const LayoutGroup kVmLayouts;
extern const LayoutGroup kVcpuLayouts;
extern const LayoutGroup kUserfaultfdLayouts;
extern const LayoutGroup kProposalLayouts;

// A field of the structure `Struct` by the kernel's name; one of a nested structure as outer.inner.
#define FIELD(path)                                                                                                    \
  { #path, offsetof(Struct, path), sizeof(Struct::path) }
#define LAYOUT(name, type, fields)                                                                                     \
  { #name, sizeof(uapi::type), fields, std::size(fields) }

}  // namespace faultlab

#endif  // KVM_FAULTLAB_LAYOUT_TABLE_H_

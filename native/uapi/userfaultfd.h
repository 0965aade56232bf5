// The structures and requests of userfaultfd (Documentation/admin-guide/mm/userfaultfd.rst), our own for the same
// reason as those of KVM.
#ifndef KVM_FAULTLAB_UAPI_USERFAULTFD_H_
#define KVM_FAULTLAB_UAPI_USERFAULTFD_H_

#include <cstddef>
#include <cstdint>

#include "ioctl.h"

namespace faultlab::uapi {

constexpr uint32_t kUffdIo = 0xaa;
template <class T>
constexpr uint32_t UffdIor(uint32_t number) {
  return IoctlRequest(kIocRead, kUffdIo, number, sizeof(T));
}
template <class T>
constexpr uint32_t UffdIowr(uint32_t number) {
  return IoctlRequest(kIocRead | kIocWrite, kUffdIo, number, sizeof(T));
}

constexpr uint64_t kUffdApi = 0xaa;
constexpr int kUffdUserModeOnly = 1;

struct UffdioApi {
  uint64_t api;
  uint64_t features;
  uint64_t ioctls;
};
static_assert(sizeof(UffdioApi) == 24);
static_assert(offsetof(UffdioApi, features) == 8);

struct UffdioRange {
  uint64_t start;
  uint64_t len;
};
static_assert(sizeof(UffdioRange) == 16);

struct UffdioRegister {
  UffdioRange range;
  uint64_t mode;
  uint64_t ioctls;
};
static_assert(sizeof(UffdioRegister) == 32);
static_assert(offsetof(UffdioRegister, ioctls) == 24);

struct UffdioCopy {
  uint64_t dst;
  uint64_t src;
  uint64_t len;
  uint64_t mode;
  int64_t copy;
};
static_assert(sizeof(UffdioCopy) == 40);
static_assert(offsetof(UffdioCopy, copy) == 32);

struct UffdioZeropage {
  UffdioRange range;
  uint64_t mode;
  int64_t zeropage;
};
static_assert(sizeof(UffdioZeropage) == 32);
static_assert(offsetof(UffdioZeropage, zeropage) == 24);

struct UffdioWriteprotect {
  UffdioRange range;
  uint64_t mode;
};
static_assert(sizeof(UffdioWriteprotect) == 24);

struct UffdioContinue {
  UffdioRange range;
  uint64_t mode;
  int64_t mapped;
};
static_assert(sizeof(UffdioContinue) == 32);
static_assert(offsetof(UffdioContinue, mapped) == 24);

struct UffdioPoison {
  UffdioRange range;
  uint64_t mode;
  int64_t updated;
};
static_assert(sizeof(UffdioPoison) == 32);
static_assert(offsetof(UffdioPoison, updated) == 24);

// One message of read(2).
struct [[gnu::packed]] UffdMsg {
  uint8_t event;
  uint8_t reserved1;
  uint16_t reserved2;
  uint32_t reserved3;
  union {
    struct [[gnu::packed]] {
      uint64_t flags;
      uint64_t address;
      uint32_t ptid;
    } pagefault;
    struct [[gnu::packed]] {
      uint32_t ufd;
    } fork;
    struct [[gnu::packed]] {
      uint64_t from;
      uint64_t to;
      uint64_t len;
    } remap;
    struct [[gnu::packed]] {
      uint64_t start;
      uint64_t end;
    } remove;
    uint64_t reserved[3];
  } arg;
};
static_assert(sizeof(UffdMsg) == 32);
static_assert(offsetof(UffdMsg, arg) == 8);
static_assert(offsetof(UffdMsg, arg.pagefault.address) == 16);
static_assert(offsetof(UffdMsg, arg.pagefault.ptid) == 24);

constexpr uint32_t kUserfaultfdIocNew = IoctlRequest(kIocNone, kUffdIo, 0x00, 0);
constexpr uint32_t kUffdioApi = UffdIowr<UffdioApi>(0x3f);
constexpr uint32_t kUffdioRegister = UffdIowr<UffdioRegister>(0x00);
constexpr uint32_t kUffdioUnregister = UffdIor<UffdioRange>(0x01);
constexpr uint32_t kUffdioWake = UffdIor<UffdioRange>(0x02);
constexpr uint32_t kUffdioCopy = UffdIowr<UffdioCopy>(0x03);
constexpr uint32_t kUffdioZeropage = UffdIowr<UffdioZeropage>(0x04);
constexpr uint32_t kUffdioWriteprotect = UffdIowr<UffdioWriteprotect>(0x06);
constexpr uint32_t kUffdioContinue = UffdIowr<UffdioContinue>(0x07);
constexpr uint32_t kUffdioPoison = UffdIowr<UffdioPoison>(0x08);

static_assert(kUffdioApi == 0xc018aa3f);
static_assert(kUffdioCopy == 0xc028aa03);
static_assert(kUffdioWake == 0x8010aa02);

}  // namespace faultlab::uapi

#endif  // KVM_FAULTLAB_UAPI_USERFAULTFD_H_

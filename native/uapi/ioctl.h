// How ioctl request numbers are made (asm-generic/ioctl.h).
#ifndef KVM_FAULTLAB_UAPI_IOCTL_H_
#define KVM_FAULTLAB_UAPI_IOCTL_H_

#include <cstdint>

namespace faultlab::uapi {

constexpr uint32_t kIocNone = 0;
constexpr uint32_t kIocWrite = 1;
constexpr uint32_t kIocRead = 2;
constexpr uint32_t IoctlRequest(uint32_t direction, uint32_t type, uint32_t number, uint32_t size) {
  return (direction << 30) | (size << 16) | (type << 8) | number;
}
// The argument size that a request number carries; 0 for requests that take a plain number.
constexpr uint32_t IoctlArgumentSize(uint32_t request) { return (request >> 16) & 0x3fff; }

constexpr uint32_t kKvmIo = 0xae;
constexpr uint32_t KvmIo(uint32_t number) { return IoctlRequest(kIocNone, kKvmIo, number, 0); }
template <class T>
constexpr uint32_t KvmIor(uint32_t number) {
  return IoctlRequest(kIocRead, kKvmIo, number, sizeof(T));
}
template <class T>
constexpr uint32_t KvmIow(uint32_t number) {
  return IoctlRequest(kIocWrite, kKvmIo, number, sizeof(T));
}
template <class T>
constexpr uint32_t KvmIowr(uint32_t number) {
  return IoctlRequest(kIocRead | kIocWrite, kKvmIo, number, sizeof(T));
}

}  // namespace faultlab::uapi

#endif  // KVM_FAULTLAB_UAPI_IOCTL_H_

// What proposals add to KVM, as far as the addon passes it: requests that any thread may make of a vCPU.
#ifndef KVM_FAULTLAB_UAPI_PROPOSALS_H_
#define KVM_FAULTLAB_UAPI_PROPOSALS_H_

#include <cstddef>
#include <cstdint>

#include "ioctl.h"

namespace faultlab::uapi {

// "KVM: x86: async PF user", November 2024.
struct KvmAsyncPfUserReady {
  uint32_t token;
};
static_assert(sizeof(KvmAsyncPfUserReady) == 4);

// KVM_CAP_ASYNC_PF_USERFAULT, June 2026.
struct KvmAsyncPfReq {
  uint64_t gpa;
  uint32_t op;
  uint32_t flags;
  uint64_t reserved[2];
};
static_assert(sizeof(KvmAsyncPfReq) == 32);
static_assert(offsetof(KvmAsyncPfReq, op) == 8);
static_assert(offsetof(KvmAsyncPfReq, flags) == 12);
static_assert(offsetof(KvmAsyncPfReq, reserved) == 16);

// sync-async-2bit, of this project.
struct KvmUserfaultReady {
  uint64_t gpa;
  uint64_t flags;
};
static_assert(sizeof(KvmUserfaultReady) == 16);
static_assert(offsetof(KvmUserfaultReady, flags) == 8);

// Memslot flag of the latter: the userfault bitmap has two bits a page.
constexpr uint32_t kMemUserfaultAsync = 1 << 4;

constexpr uint32_t kAsyncPfUserReady = KvmIow<KvmAsyncPfUserReady>(0xd6);
constexpr uint32_t kAsyncPf = KvmIow<KvmAsyncPfReq>(0xd6);
constexpr uint32_t kUserfaultReady = KvmIow<KvmUserfaultReady>(0xda);

// One number byte, told apart by the size of the argument.
static_assert(kAsyncPfUserReady == 0x4004aed6);
static_assert(kAsyncPf == 0x4020aed6);
static_assert(kUserfaultReady == 0x4010aeda);

// An address of the kernel's half: copy_from_user() fails there in every process, before anything is done.
constexpr uint64_t kUnreadableAddress = 0xffff800000000000;

}  // namespace faultlab::uapi

#endif  // KVM_FAULTLAB_UAPI_PROPOSALS_H_

#include "layout_table.h"
#include "uapi/proposals.h"

namespace faultlab {
namespace {

namespace kvm_async_pf_user_ready {
using Struct = uapi::KvmAsyncPfUserReady;
constexpr Field kFields[] = {
    FIELD(token),
};
}  // namespace kvm_async_pf_user_ready

namespace kvm_async_pf_req {
using Struct = uapi::KvmAsyncPfReq;
constexpr Field kFields[] = {
    FIELD(gpa), FIELD(op), FIELD(flags), FIELD(reserved[0]), FIELD(reserved[1]),
};
}  // namespace kvm_async_pf_req

namespace kvm_userfault_ready {
using Struct = uapi::KvmUserfaultReady;
constexpr Field kFields[] = {
    FIELD(gpa),
    FIELD(flags),
};
}  // namespace kvm_userfault_ready

constexpr Layout kLayouts[] = {
    LAYOUT(kvm_async_pf_user_ready, KvmAsyncPfUserReady, kvm_async_pf_user_ready::kFields),
    LAYOUT(kvm_async_pf_req, KvmAsyncPfReq, kvm_async_pf_req::kFields),
    LAYOUT(kvm_userfault_ready, KvmUserfaultReady, kvm_userfault_ready::kFields),
};

constexpr Request kRequests[] = {
    {"KVM_ASYNC_PF_USER_READY", uapi::kAsyncPfUserReady},
    {"KVM_ASYNC_PF", uapi::kAsyncPf},
    {"KVM_USERFAULT_READY", uapi::kUserfaultReady},
};

}  // namespace

const LayoutGroup kProposalLayouts = {kLayouts, std::size(kLayouts), kRequests, std::size(kRequests)};

}  // namespace faultlab

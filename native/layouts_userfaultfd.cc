#include "layout_table.h"
#include "uapi/userfaultfd.h"

namespace faultlab {
namespace {

namespace uffdio_api {
using Struct = uapi::UffdioApi;
constexpr Field kFields[] = {
    FIELD(api),
    FIELD(features),
    FIELD(ioctls),
};
}  // namespace uffdio_api

namespace uffdio_range {
using Struct = uapi::UffdioRange;
constexpr Field kFields[] = {
    FIELD(start),
    FIELD(len),
};
}  // namespace uffdio_range

namespace uffdio_register {
using Struct = uapi::UffdioRegister;
constexpr Field kFields[] = {
    FIELD(range), FIELD(range.start), FIELD(range.len), FIELD(mode), FIELD(ioctls),
};
}  // namespace uffdio_register

namespace uffdio_copy {
using Struct = uapi::UffdioCopy;
constexpr Field kFields[] = {
    FIELD(dst), FIELD(src), FIELD(len), FIELD(mode), FIELD(copy),
};
}  // namespace uffdio_copy

namespace uffdio_zeropage {
using Struct = uapi::UffdioZeropage;
constexpr Field kFields[] = {
    FIELD(range), FIELD(range.start), FIELD(range.len), FIELD(mode), FIELD(zeropage),
};
}  // namespace uffdio_zeropage

namespace uffdio_writeprotect {
using Struct = uapi::UffdioWriteprotect;
constexpr Field kFields[] = {
    FIELD(range),
    FIELD(range.start),
    FIELD(range.len),
    FIELD(mode),
};
}  // namespace uffdio_writeprotect

namespace uffdio_continue {
using Struct = uapi::UffdioContinue;
constexpr Field kFields[] = {
    FIELD(range), FIELD(range.start), FIELD(range.len), FIELD(mode), FIELD(mapped),
};
}  // namespace uffdio_continue

namespace uffdio_poison {
using Struct = uapi::UffdioPoison;
constexpr Field kFields[] = {
    FIELD(range), FIELD(range.start), FIELD(range.len), FIELD(mode), FIELD(updated),
};
}  // namespace uffdio_poison

namespace uffd_msg {
using Struct = uapi::UffdMsg;
constexpr Field kFields[] = {
    FIELD(event),
    FIELD(reserved1),
    FIELD(reserved2),
    FIELD(reserved3),
    FIELD(arg),
    FIELD(arg.pagefault.flags),
    FIELD(arg.pagefault.address),
    FIELD(arg.pagefault.ptid),
    FIELD(arg.fork.ufd),
    FIELD(arg.remap.from),
    FIELD(arg.remap.to),
    FIELD(arg.remap.len),
    FIELD(arg.remove.start),
    FIELD(arg.remove.end),
    FIELD(arg.reserved),
};
}  // namespace uffd_msg

constexpr Layout kLayouts[] = {
    LAYOUT(uffdio_api, UffdioApi, uffdio_api::kFields),
    LAYOUT(uffdio_range, UffdioRange, uffdio_range::kFields),
    LAYOUT(uffdio_register, UffdioRegister, uffdio_register::kFields),
    LAYOUT(uffdio_copy, UffdioCopy, uffdio_copy::kFields),
    LAYOUT(uffdio_zeropage, UffdioZeropage, uffdio_zeropage::kFields),
    LAYOUT(uffdio_writeprotect, UffdioWriteprotect, uffdio_writeprotect::kFields),
    LAYOUT(uffdio_continue, UffdioContinue, uffdio_continue::kFields),
    LAYOUT(uffdio_poison, UffdioPoison, uffdio_poison::kFields),
    LAYOUT(uffd_msg, UffdMsg, uffd_msg::kFields),
};

constexpr Request kRequests[] = {
    {"USERFAULTFD_IOC_NEW", uapi::kUserfaultfdIocNew},
    {"UFFDIO_API", uapi::kUffdioApi},
    {"UFFDIO_REGISTER", uapi::kUffdioRegister},
    {"UFFDIO_UNREGISTER", uapi::kUffdioUnregister},
    {"UFFDIO_WAKE", uapi::kUffdioWake},
    {"UFFDIO_COPY", uapi::kUffdioCopy},
    {"UFFDIO_ZEROPAGE", uapi::kUffdioZeropage},
    {"UFFDIO_WRITEPROTECT", uapi::kUffdioWriteprotect},
    {"UFFDIO_CONTINUE", uapi::kUffdioContinue},
    {"UFFDIO_POISON", uapi::kUffdioPoison},
};

}  // namespace

const LayoutGroup kUserfaultfdLayouts = {kLayouts, std::size(kLayouts), kRequests, std::size(kRequests)};

}  // namespace faultlab

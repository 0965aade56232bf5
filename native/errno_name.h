// Names of errno numbers.
#ifndef KVM_FAULTLAB_ERRNO_NAME_H_
#define KVM_FAULTLAB_ERRNO_NAME_H_

#include <string>

namespace faultlab {

// "EFAULT" for 14; "E524" for a number without a public name. strerrorname_np would do, but needs a newer C library
// than Node itself.
std::string ErrnoName(int error);

}  // namespace faultlab

#endif  // KVM_FAULTLAB_ERRNO_NAME_H_

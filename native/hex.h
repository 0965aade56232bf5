// Numbers as kernel developers read them.
#ifndef KVM_FAULTLAB_HEX_H_
#define KVM_FAULTLAB_HEX_H_

#include <cstdint>
#include <string>

namespace faultlab {

// "0x1000".
std::string Hex(uint64_t number);

}  // namespace faultlab

#endif  // KVM_FAULTLAB_HEX_H_

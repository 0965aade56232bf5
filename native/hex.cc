#include "hex.h"

#include <array>
#include <charconv>

namespace faultlab {

std::string Hex(uint64_t number) {
  std::array<char, 16> digits{};
  const auto result = std::to_chars(digits.begin(), digits.end(), number, 16);
  return "0x" + std::string(digits.begin(), result.ptr);
}

}  // namespace faultlab

// Memory operands of plain loads and stores in 64-bit code (Intel SDM vol. 2, chapter 2).
#ifndef KVM_FAULTLAB_REFERENCE_DECODE_H_
#define KVM_FAULTLAB_REFERENCE_DECODE_H_

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#define MOST_INSTRUCTION_BYTES 15
#define NO_REGISTER -1
#define RIP_REGISTER 16

// base + (index << shift) + displacement
struct operand {
  int8_t base;
  int8_t index;
  uint8_t shift;
  uint8_t size;
  int64_t displacement;
};

struct instruction {
  uint8_t length;
  struct operand operand;
};

// False where the bytes are no instruction that this decoder knows, or have no memory operand.
bool Decode(const uint8_t* bytes, unsigned count, struct instruction* decoded);

// `length`: of the instruction, for addresses relative to its end.
uint64_t AddressOf(const struct operand* operand, const struct kvm_regs* regs, uint8_t length);

#endif  // KVM_FAULTLAB_REFERENCE_DECODE_H_

#include "decode.h"

#include <stddef.h>
#include <string.h>

#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

static const size_t kOffsets[] = {
    offsetof(struct kvm_regs, rax), offsetof(struct kvm_regs, rcx), offsetof(struct kvm_regs, rdx),
    offsetof(struct kvm_regs, rbx), offsetof(struct kvm_regs, rsp), offsetof(struct kvm_regs, rbp),
    offsetof(struct kvm_regs, rsi), offsetof(struct kvm_regs, rdi), offsetof(struct kvm_regs, r8),
    offsetof(struct kvm_regs, r9),  offsetof(struct kvm_regs, r10), offsetof(struct kvm_regs, r11),
    offsetof(struct kvm_regs, r12), offsetof(struct kvm_regs, r13), offsetof(struct kvm_regs, r14),
    offsetof(struct kvm_regs, r15), offsetof(struct kvm_regs, rip),
};

static uint64_t RegisterOf(const struct kvm_regs* regs, int8_t number) {
  return *(const uint64_t*)((const uint8_t*)regs + kOffsets[number]);
}

uint64_t AddressOf(const struct operand* operand, const struct kvm_regs* regs, uint8_t length) {
  uint64_t address = (uint64_t)operand->displacement;
  if (operand->base != NO_REGISTER) address += RegisterOf(regs, operand->base);
  if (operand->base == RIP_REGISTER) address += length;
  if (operand->index != NO_REGISTER) address += RegisterOf(regs, operand->index) << operand->shift;
  return address;
}

struct cursor {
  const uint8_t* bytes;
  unsigned count;
  unsigned at;
};

// 0 beyond the end; `at` then says that there were too few.
static uint8_t Next(struct cursor* cursor) {
  const unsigned at = cursor->at++;
  return at < cursor->count ? cursor->bytes[at] : 0;
}

static int64_t NextDisplacement(struct cursor* cursor, unsigned size) {
  uint32_t value = 0;
  for (unsigned i = 0; i < size; i++) value |= (uint32_t)Next(cursor) << 8 * i;
  return size == 1 ? (int8_t)value : (int32_t)value;
}

static bool DecodeOperand(struct cursor* cursor, uint8_t rex, struct operand* operand) {
  const uint8_t modrm = Next(cursor);
  const uint8_t mod = modrm >> 6;
  const uint8_t rm = modrm & 7;
  if (mod == 3) return false;
  unsigned displacement_size = mod == 1 ? 1 : mod == 2 ? 4 : 0;
  operand->index = NO_REGISTER;
  if (rm == 4) {
    const uint8_t sib = Next(cursor);
    const int8_t index = (int8_t)((sib >> 3 & 7) | ((rex & REX_X) != 0 ? 8 : 0));
    const int8_t base = (int8_t)((sib & 7) | ((rex & REX_B) != 0 ? 8 : 0));
    operand->shift = sib >> 6;
    if (index != 4) operand->index = index;
    operand->base = base;
    if ((sib & 7) == 5 && mod == 0) {
      operand->base = NO_REGISTER;
      displacement_size = 4;
    }
  } else if (rm == 5 && mod == 0) {
    operand->base = RIP_REGISTER;
    displacement_size = 4;
  } else {
    operand->base = (int8_t)(rm | ((rex & REX_B) != 0 ? 8 : 0));
  }
  operand->displacement = NextDisplacement(cursor, displacement_size);
  return true;
}

bool Decode(const uint8_t* bytes, unsigned count, struct instruction* decoded) {
  struct cursor cursor = {.bytes = bytes, .count = count};
  uint8_t rex = 0;
  uint8_t opcode = Next(&cursor);
  const bool narrow = opcode == 0x66;
  if (narrow) opcode = Next(&cursor);
  if (opcode >> 4 == 4) {
    rex = opcode;
    opcode = Next(&cursor);
  }
  const uint8_t word = (rex & REX_W) != 0 ? 8 : narrow ? 2 : 4;
  unsigned immediate = 0;
  if (opcode == 0x0f) {
    opcode = Next(&cursor);
    // MOVZX and MOVSX.
    if (opcode != 0xb6 && opcode != 0xb7 && opcode != 0xbe && opcode != 0xbf) return false;
    decoded->operand.size = (opcode & 1) != 0 ? 2 : 1;
  } else if ((opcode >= 0x88 && opcode <= 0x8b) || (opcode < 0x40 && (opcode & 7) < 4)) {
    // MOV, and ADD to CMP, with a register.
    decoded->operand.size = (opcode & 1) != 0 ? word : 1;
  } else if (opcode == 0xc6 || opcode == 0xc7 || opcode == 0x80 || opcode == 0x81 || opcode == 0x83) {
    // The same with an immediate.
    decoded->operand.size = (opcode & 1) != 0 ? word : 1;
    immediate = opcode == 0xc7 || opcode == 0x81 ? (word == 2 ? 2 : 4) : 1;
  } else {
    return false;
  }
  if (!DecodeOperand(&cursor, rex, &decoded->operand)) return false;
  decoded->length = (uint8_t)(cursor.at + immediate);
  return decoded->length <= count;
}

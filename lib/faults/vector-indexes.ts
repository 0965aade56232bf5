/** Gather and scatter: how many addresses there are, and which lanes are on (SDM vol. 2, VSIB). */
import type { Instruction, Register, UsedMemory } from 'iced-x86';
import { iced } from './iced.js';
import type { LaneMask, OperandOffset } from './memory-operands.js';

/** The lanes of an operand whose index is a vector register. */
export function laneIndexes(instruction: Instruction, used: UsedMemory): OperandOffset {
  const { MemorySizeExt, Register, RegisterExt } = iced();
  const dataBytes = MemorySizeExt.size(used.memorySize);
  const indexBytes = instruction.isVsib32 ? 4 : 8;
  // Whichever of the two vectors has fewer lanes: the other one is used in part.
  const data = dataRegister(instruction);
  const lanes = RegisterExt.size(used.index) / indexBytes;
  const count = data === Register.None ? lanes : Math.min(lanes, RegisterExt.size(data) / dataBytes);
  return {
    kind: 'lanes',
    vector: RegisterExt.number(used.index),
    indexBits: indexBytes === 4 ? 32 : 64,
    count,
    mask: laneMask(instruction, dataBytes),
  };
}

/** The vector that is gathered into or scattered from; none for the prefetching forms. */
function dataRegister(instruction: Instruction): Register {
  const { OpKind, Register } = iced();
  for (let operand = 0; operand < 2; operand++) {
    if (instruction.opKind(operand) === OpKind.Register) return instruction.opRegister(operand);
  }
  return Register.None;
}

function laneMask(instruction: Instruction, dataBytes: number): LaneMask {
  const { Register, RegisterExt } = iced();
  // AVX-512 has a mask register; AVX2 a third operand, whose lanes are as wide as the data.
  if (instruction.opMask !== Register.None) return { kind: 'opmask', register: RegisterExt.number(instruction.opMask) };
  return { kind: 'signs', vector: RegisterExt.number(instruction.opRegister(2)), laneBits: dataBytes === 4 ? 32 : 64 };
}

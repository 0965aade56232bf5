/** What the decoder does not list among an instruction's memory operands, or lists in part. */
import type { Instruction, Register } from 'iced-x86';
import { iced } from './iced.js';
import type { MemoryOperand, OperandOffset } from './memory-operands.js';
import { gprOf, segmentWithBase } from './registers.js';

const PLAIN = { base: null, index: null, scale: 1, displacement: 0n, offset: null, segment: null, addressBits: 64 } as const;

/** Memory that the instruction touches besides its listed operands. */
export function implicitOperands(instruction: Instruction): MemoryOperand[] {
  const { Mnemonic, Register } = iced();
  switch (instruction.mnemonic) {
    case Mnemonic.Enter:
      return [frameProbe(instruction.immediate16, instruction.immediate8_2nd)];
    case Mnemonic.Clzero:
      return [throughRegister(instruction, Register.RAX, true)];
    case Mnemonic.Monitor:
    case Mnemonic.Monitorx:
    case Mnemonic.Umonitor:
      return [throughRegister(instruction, instruction.op0Register, false)];
    default:
      return [];
  }
}

/** BT, BTS, BTR, BTC on memory with a register: the operand is not at the address, but as far from it as the register says (SDM vol. 2, BT). */
export function bitOffset(instruction: Instruction): OperandOffset | null {
  const { Mnemonic, OpKind, RegisterExt } = iced();
  switch (instruction.mnemonic) {
    case Mnemonic.Bt:
    case Mnemonic.Bts:
    case Mnemonic.Btr:
    case Mnemonic.Btc: {
      if (instruction.op0Kind !== OpKind.Memory || instruction.op1Kind !== OpKind.Register) return null;
      return { kind: 'bits', register: gprOf(instruction.op1Register), operandBits: (8 * RegisterExt.size(instruction.op1Register)) as 16 | 32 | 64 };
    }
    default:
      return null;
  }
}

/** ENTER checks that the stack can be written where its new frame ends, which is no operand (SDM vol. 2, ENTER). */
function frameProbe(frameBytes: number, nesting: number): MemoryOperand {
  const pushedBytes = 8 * (1 + (nesting % 32));
  return { ...PLAIN, base: 'rsp', displacement: BigInt(-frameBytes - pushedBytes), sizeBytes: 8, read: false, write: true };
}

/** The cache line that a register points into; it lies in one page, so one byte of it will do. */
function throughRegister(instruction: Instruction, register: Register, write: boolean): MemoryOperand {
  return { ...PLAIN, base: gprOf(register), segment: segmentWithBase(instruction.segmentPrefix), addressBits: iced().RegisterExt.size(register) === 4 ? 32 : 64, sizeBytes: 1, read: !write, write };
}

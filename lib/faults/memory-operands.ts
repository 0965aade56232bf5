/**
 * Which memory an instruction touches, as formulas over the registers. Decoding is the work of iced-x86, but for the plain moves that most faults come from.
 */
import type { Instruction, UsedMemory } from 'iced-x86';
import { iced } from './iced.js';
import { decodePlainMove } from './plain-moves.js';
import { addressRegister, isNarrow, segmentWithBase, type GprName } from './registers.js';
import { bitOffset, implicitOperands } from './implicit-operands.js';
import { laneIndexes } from './vector-indexes.js';

/** Longest x86 instruction. */
export const MAX_INSTRUCTION_BYTES = 15;

/** A part of an address that is no plain register. */
export type OperandOffset =
  /** XLAT: AL, zero-extended. */
  | { readonly kind: 'lowByte'; readonly register: GprName }
  /** BT, BTS, BTR, BTC with a register: it counts bits, signed, and picks the operand that holds the bit. */
  | { readonly kind: 'bits'; readonly register: GprName; readonly operandBits: 16 | 32 | 64 }
  /** Gather and scatter: one address for each lane of an index vector that the mask leaves on. */
  | { readonly kind: 'lanes'; readonly vector: number; readonly indexBits: 32 | 64; readonly count: number; readonly mask: LaneMask };

/** Which lanes of a gather or scatter are on: a bit each in a mask register, or the sign of each lane of a vector. */
export type LaneMask = { readonly kind: 'opmask'; readonly register: number } | { readonly kind: 'signs'; readonly vector: number; readonly laneBits: 32 | 64 };

/** One memory operand: segment base + base + index * scale + displacement + offset, cut to the address size. */
export interface MemoryOperand {
  readonly base: GprName | null;
  readonly index: GprName | null;
  readonly scale: number;
  readonly displacement: bigint;
  readonly offset: OperandOffset | null;
  /** Only these two have a base in 64-bit mode. */
  readonly segment: 'fs' | 'gs' | null;
  readonly addressBits: 64 | 32;
  readonly sizeBytes: number;
  /** Both for a read-modify-write. */
  readonly read: boolean;
  readonly write: boolean;
}

/** What is known of one instruction. */
export interface DecodedOperands {
  readonly lengthBytes: number;
  readonly operands: readonly MemoryOperand[];
}

/** The same, and the instruction in words. */
export interface DecodedInstruction extends DecodedOperands {
  readonly text: string;
}

/** Sizes that the decoder does not know (xsave and the like) are taken as this: the largest state that is read at once. */
const UNKNOWN_SIZE_BYTES = 4096;

/**
 * Decodes one 64-bit instruction, as cheaply as it can be had.
 * @param bytes - up to 15 bytes from RIP on
 * @param rip - its address
 * @returns null when the bytes are no instruction
 */
export function decodeOperands(bytes: Uint8Array, rip: bigint): DecodedOperands | null {
  return decodePlainMove(bytes, rip) ?? decodeInstruction(bytes, rip);
}

/**
 * Decodes one 64-bit instruction by iced-x86, which is loaded at the first call.
 * @param bytes - up to 15 bytes from RIP on
 * @param rip - its address
 * @returns null when the bytes are no instruction
 */
export function decodeInstruction(bytes: Uint8Array, rip: bigint): DecodedInstruction | null {
  const { Decoder, DecoderOptions } = iced();
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  try {
    decoder.ip = rip;
    const instruction = decoder.decode();
    try {
      if (instruction.isInvalid) return null;
      return { lengthBytes: instruction.length, text: instruction.toString(), operands: [...explicitOperands(instruction), ...implicitOperands(instruction)] };
    } finally {
      instruction.free();
    }
  } finally {
    decoder.free();
  }
}

function explicitOperands(instruction: Instruction): MemoryOperand[] {
  const { InstructionInfoFactory, OpAccess } = iced();
  const factory = new InstructionInfoFactory();
  try {
    const info = factory.info(instruction);
    try {
      const operands: MemoryOperand[] = [];
      // Typed as any[] by the package.
      for (const used of info.usedMemory() as UsedMemory[]) {
        if (used.access !== OpAccess.NoMemAccess && used.access !== OpAccess.None) operands.push(toOperand(instruction, used));
        used.free();
      }
      return operands;
    } finally {
      info.free();
    }
  } finally {
    factory.free();
  }
}

function toOperand(instruction: Instruction, used: UsedMemory): MemoryOperand {
  const { MemorySizeExt, OpAccess } = iced();
  return {
    // iced folds RIP into the displacement.
    base: addressRegister(used.base),
    index: addressRegister(used.index),
    scale: used.scale,
    displacement: used.displacement,
    offset: offsetOf(instruction, used),
    segment: segmentWithBase(used.segment),
    addressBits: isNarrow(used.base) || isNarrow(used.index) ? 32 : 64,
    // Of a repeated string instruction iced says that it does not know how far it goes: a step is one element.
    sizeBytes: MemorySizeExt.size(used.memorySize) || MemorySizeExt.size(instruction.memorySize) || UNKNOWN_SIZE_BYTES,
    read: used.access !== OpAccess.Write && used.access !== OpAccess.CondWrite,
    write: used.access !== OpAccess.Read && used.access !== OpAccess.CondRead,
  };
}

function offsetOf(instruction: Instruction, used: UsedMemory): OperandOffset | null {
  const { Register, RegisterExt } = iced();
  if (used.index === Register.AL) return { kind: 'lowByte', register: 'rax' };
  if (RegisterExt.isVectorRegister(used.index)) return laneIndexes(instruction, used);
  return bitOffset(instruction);
}

/**
 * Which memory an instruction touches, as formulas over the registers. Decoding is the work of iced-x86; this module keeps its answers,
 * since the same few instructions fault again and again.
 */
import { Decoder, DecoderOptions, InstructionInfoFactory, MemorySizeExt, Mnemonic, OpAccess, Register, RegisterExt, type UsedMemory } from 'iced-x86';

/** Longest x86 instruction. */
export const MAX_INSTRUCTION_BYTES = 15;

/** Indexes of general registers as the operand formulas name them; the order of struct kvm_regs. */
export const GPR_NAMES = ['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rsp', 'rbp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const;
/** A register of {@link GPR_NAMES}. */
export type GprName = (typeof GPR_NAMES)[number];

/** One memory operand: segment base + base + index * scale + displacement, cut to the address size. */
export interface MemoryOperand {
  readonly base: GprName | null;
  readonly index: GprName | null;
  readonly scale: number;
  readonly displacement: bigint;
  /** Only these two have a base in 64-bit mode. */
  readonly segment: 'fs' | 'gs' | null;
  readonly addressBits: 64 | 32;
  readonly sizeBytes: number;
  readonly write: boolean;
}

/** What is known of one instruction. */
export interface DecodedInstruction {
  readonly lengthBytes: number;
  readonly text: string;
  readonly operands: readonly MemoryOperand[];
}

const GPR_BY_REGISTER = new Map<Register, GprName>([
  [Register.RAX, 'rax'], [Register.RBX, 'rbx'], [Register.RCX, 'rcx'], [Register.RDX, 'rdx'],
  [Register.RSI, 'rsi'], [Register.RDI, 'rdi'], [Register.RSP, 'rsp'], [Register.RBP, 'rbp'],
  [Register.R8, 'r8'], [Register.R9, 'r9'], [Register.R10, 'r10'], [Register.R11, 'r11'],
  [Register.R12, 'r12'], [Register.R13, 'r13'], [Register.R14, 'r14'], [Register.R15, 'r15'],
  [Register.EAX, 'rax'], [Register.EBX, 'rbx'], [Register.ECX, 'rcx'], [Register.EDX, 'rdx'],
  [Register.ESI, 'rsi'], [Register.EDI, 'rdi'], [Register.ESP, 'rsp'], [Register.EBP, 'rbp'],
  [Register.R8D, 'r8'], [Register.R9D, 'r9'], [Register.R10D, 'r10'], [Register.R11D, 'r11'],
  [Register.R12D, 'r12'], [Register.R13D, 'r13'], [Register.R14D, 'r14'], [Register.R15D, 'r15'],
]);

/** Sizes that the decoder does not know (xsave and the like) are taken as this: the largest state that is read at once. */
const UNKNOWN_SIZE_BYTES = 4096;

/**
 * Decodes one 64-bit instruction.
 * @param bytes - up to 15 bytes from RIP on
 * @param rip - its address
 * @returns null when the bytes are no instruction
 */
export function decodeInstruction(bytes: Uint8Array, rip: bigint): DecodedInstruction | null {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const factory = new InstructionInfoFactory();
  try {
    decoder.ip = rip;
    const instruction = decoder.decode();
    try {
      if (instruction.isInvalid) return null;
      const info = factory.info(instruction);
      try {
        const operands: MemoryOperand[] = [];
        // Typed as any[] by the package.
        for (const used of info.usedMemory() as UsedMemory[]) {
          if (used.access !== OpAccess.NoMemAccess && used.access !== OpAccess.None) {
            operands.push({
              // iced folds RIP into the displacement.
              base: GPR_BY_REGISTER.get(used.base) ?? null,
              index: GPR_BY_REGISTER.get(used.index) ?? null,
              scale: used.scale,
              displacement: used.displacement,
              segment: used.segment === Register.FS ? 'fs' : used.segment === Register.GS ? 'gs' : null,
              addressBits: isNarrow(used.base) || isNarrow(used.index) ? 32 : 64,
              sizeBytes: MemorySizeExt.size(used.memorySize) || UNKNOWN_SIZE_BYTES,
              write: used.access !== OpAccess.Read && used.access !== OpAccess.CondRead,
            });
          }
          used.free();
        }
        if (instruction.mnemonic === Mnemonic.Enter) operands.push(frameProbe(instruction.immediate16, instruction.immediate8_2nd));
        return { lengthBytes: instruction.length, text: instruction.toString(), operands };
      } finally {
        info.free();
      }
    } finally {
      instruction.free();
    }
  } finally {
    factory.free();
    decoder.free();
  }
}

/** ENTER checks that the stack can be written where its new frame ends, which is no operand (SDM vol. 2, ENTER). */
function frameProbe(frameBytes: number, nesting: number): MemoryOperand {
  const pushedBytes = 8 * (1 + (nesting % 32));
  return { base: 'rsp', index: null, scale: 1, displacement: BigInt(-frameBytes - pushedBytes), segment: null, addressBits: 64, sizeBytes: 8, write: true };
}

/** 32-bit registers form a 32-bit address. */
function isNarrow(register: Register): boolean {
  return register !== Register.None && RegisterExt.size(register) === 4;
}

/**
 * The instructions that nearly every fault comes from, plain moves between a general register or a constant and memory, decoded without iced-x86, whose loading takes as long
 * as hundreds of faults. Everything else, whatever has an unusual prefix included, is left to it; a test compares the two on every prefix, opcode and ModRM byte, and on random bytes (SDM vol. 2, 2.1 and appendix A).
 */
import type { DecodedOperands, MemoryOperand } from './memory-operands.js';
import { GPR_NAMES, type GprName } from './registers.js';

const OPERAND_SIZE_PREFIX = 0x66;
const TWO_BYTE_OPCODE = 0x0f;
const REX_W = 8;
/** Where an index would be RSP. */
const NO_INDEX = 4;
const REX_X = 2;
const REX_B = 1;

/** What an opcode does with its memory operand. */
interface Move {
  readonly write: boolean;
  readonly sizeBytes: number;
  readonly immediateBytes: number;
}

/**
 * Decodes one instruction in 64-bit mode, if it is a plain move with a memory operand.
 * @param bytes - up to 15 bytes from RIP on
 * @param rip - its address
 * @returns null for every other instruction, and where bytes are missing
 */
export function decodePlainMove(bytes: Uint8Array, rip: bigint): DecodedOperands | null {
  let at = 0;
  const narrow = bytes[at] === OPERAND_SIZE_PREFIX;
  if (narrow) at++;
  const rex = bytes[at] >> 4 === 4 ? bytes[at++] : 0;
  const twoByte = bytes[at] === TWO_BYTE_OPCODE;
  if (twoByte) at++;
  const opcode = bytes[at++];
  const modRm = bytes[at++];
  const move = moveOf(twoByte, opcode, (rex & REX_W) !== 0 ? 8 : narrow ? 2 : 4, modRm);
  if (move === null || modRm >> 6 === 3) return null;
  const mode = modRm >> 6;
  let base = (modRm & 7) + (rex & REX_B) * 8;
  let index = -1;
  let scale = 1;
  let hasBase = true;
  let displacementBytes = mode === 1 ? 1 : mode === 2 ? 4 : 0;
  if ((modRm & 7) === 4) {
    const sib = bytes[at++];
    base = (sib & 7) + (rex & REX_B) * 8;
    index = ((sib >> 3) & 7) + ((rex & REX_X) >> 1) * 8;
    scale = 1 << (sib >> 6);
    if (index === NO_INDEX) index = -1;
  }
  // RBP or R13 without a displacement: RIP-relative without, no base with an SIB byte.
  const alone = mode === 0 && (base & 7) === 5;
  if (alone) {
    hasBase = false;
    displacementBytes = 4;
  }
  const relative = alone && (modRm & 7) === 5;
  const lengthBytes = at + displacementBytes + move.immediateBytes;
  if (lengthBytes > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const signed = displacementBytes === 1 ? view.getInt8(0) : displacementBytes === 4 ? view.getInt32(0, true) : 0;
  const operand: MemoryOperand = {
    base: hasBase ? gpr(base) : null,
    index: index < 0 ? null : gpr(index),
    scale,
    displacement: BigInt.asUintN(64, BigInt(signed) + (relative ? rip + BigInt(lengthBytes) : 0n)),
    offset: null,
    segment: null,
    addressBits: 64,
    sizeBytes: move.sizeBytes,
    read: !move.write,
    write: move.write,
  };
  return { lengthBytes, operands: [operand] };
}

/** Null for an opcode that is none of these; `wordBytes` is the operand size by prefixes. */
function moveOf(twoByte: boolean, opcode: number, wordBytes: number, modRm: number): Move | null {
  if (twoByte) {
    // MOVZX and MOVSX of a byte or a word.
    if (opcode !== 0xb6 && opcode !== 0xb7 && opcode !== 0xbe && opcode !== 0xbf) return null;
    return { write: false, sizeBytes: (opcode & 1) !== 0 ? 2 : 1, immediateBytes: 0 };
  }
  switch (opcode) {
    case 0x88:
    case 0x89:
      return { write: true, sizeBytes: opcode === 0x88 ? 1 : wordBytes, immediateBytes: 0 };
    case 0x8a:
    case 0x8b:
      return { write: false, sizeBytes: opcode === 0x8a ? 1 : wordBytes, immediateBytes: 0 };
    case 0xc6:
    case 0xc7: {
      // The register field is a part of the opcode: the others are XABORT, XBEGIN, or none.
      if ((modRm & 0x38) !== 0) return null;
      const immediateBytes = opcode === 0xc6 ? 1 : Math.min(wordBytes, 4);
      return { write: true, sizeBytes: opcode === 0xc6 ? 1 : wordBytes, immediateBytes };
    }
    default:
      return null;
  }
}

function gpr(number: number): GprName {
  return GPR_NAMES[number];
}

/** Computes the addresses of a memory operand from the registers, as 32-bit halves modulo 2^64: on the path of a fault, so without allocating. */
import type { LaneMask, MemoryOperand } from './memory-operands.js';
import type { GprName, RegisterSource, VectorSource } from './registers.js';

/** An operand with its displacement cut in halves once. */
export interface Formula extends Omit<MemoryOperand, 'displacement' | 'scale'> {
  readonly scaleShift: number;
  readonly displacementLow: number;
  readonly displacementHigh: number;
}

/** Prepares an operand for {@link EffectiveAddress}. */
export function toFormula({ displacement, scale, ...operand }: MemoryOperand): Formula {
  return {
    ...operand,
    scaleShift: Math.log2(scale),
    displacementLow: Number(BigInt.asIntN(32, displacement)),
    displacementHigh: Number(BigInt.asIntN(32, displacement >> 32n)),
  };
}

/** How many addresses an operand may have: one, or one for each lane. */
export function addressCount(formula: Formula): number {
  return formula.offset?.kind === 'lanes' ? formula.offset.count : 1;
}

/** See the module's comment. */
export class EffectiveAddress {
  /** The address computed last. */
  low = 0;
  high = 0;

  constructor(private readonly registers: RegisterSource) {}

  /**
   * Computes address `lane` of an operand (0 where it has one).
   * @param vectors - the registers that index vectors and masks are in; needed for operands with lanes
   * @returns false when the lane is off: there is no access
   */
  compute(formula: Formula, lane: number, vectors: VectorSource | null): boolean {
    this.low = formula.displacementLow;
    this.high = formula.displacementHigh;
    if (formula.base !== null) this.add(this.registers.low(formula.base), this.registers.high(formula.base));
    if (formula.index !== null) this.addScaled(this.registers.low(formula.index), this.registers.high(formula.index), formula.scaleShift);
    if (!this.addOffset(formula, lane, vectors)) return false;
    if (formula.addressBits === 32) this.high = 0;
    if (formula.segment !== null) this.add(this.registers.segmentLow(formula.segment), this.registers.segmentHigh(formula.segment));
    return true;
  }

  /** Adds to the address. */
  add(low: number, high: number): void {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.low = sum | 0;
    this.high = (this.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
  }

  private addScaled(low: number, high: number, shift: number): void {
    this.add(low << shift, shift === 0 ? high : (high << shift) | (low >>> (32 - shift)));
  }

  private addOffset({ offset, scaleShift }: Formula, lane: number, vectors: VectorSource | null): boolean {
    if (offset === null) return true;
    switch (offset.kind) {
      case 'lowByte':
        this.add(this.registers.low(offset.register) & 0xff, 0);
        return true;
      case 'bits':
        this.addBits(offset.register, offset.operandBits);
        return true;
      case 'lanes': {
        if (vectors === null || !isOn(offset.mask, lane, vectors)) return false;
        const narrow = offset.indexBits === 32;
        const low = vectors.word(offset.vector, narrow ? lane : 2 * lane);
        this.addScaled(low, narrow ? low >> 31 : vectors.word(offset.vector, 2 * lane + 1), scaleShift);
        return true;
      }
    }
  }

  /** The register counts bits; the operand is the one that the bit is in. */
  private addBits(register: GprName, operandBits: 16 | 32 | 64): void {
    let low = this.registers.low(register) | 0;
    let high = low >> 31;
    if (operandBits === 16) {
      low = (low << 16) >> 16;
      high = low >> 31;
    } else if (operandBits === 64) {
      high = this.registers.high(register) | 0;
    }
    low &= -operandBits;
    this.add((low >>> 3) | (high << 29), high >> 3);
  }
}

function isOn(mask: LaneMask, lane: number, vectors: VectorSource): boolean {
  if (mask.kind === 'opmask') return ((vectors.mask(mask.register) >>> lane) & 1) !== 0;
  return vectors.word(mask.vector, mask.laneBits === 32 ? lane : 2 * lane + 1) < 0;
}

/**
 * Finds which guest-physical pages an instruction was about to touch. A stock kernel says only EFAULT when a page cannot be had: no gpa,
 * no flags. The VMM then does what KVM's own emulator would: look at the instruction that failed, work out every address it uses, and
 * translate each as the guest's MMU does. The instruction's own bytes are candidates too, and so are page-table entries on hosts with two-dimensional paging.
 *
 * Everything read here is the guest's: it may be nonsense, and then there are simply no candidates.
 */
import { MAX_INSTRUCTION_BYTES, decodeInstruction, type DecodedInstruction, type GprName } from './memory-operands.js';
import { walk, type EntryReader, type WalkResult } from './page-walk.js';

/** The registers that the locator needs, as 32-bit halves (no BigInt on this path). */
export interface RegisterSource {
  low(name: GprName | 'rip'): number;
  high(name: GprName | 'rip'): number;
  /** Base of FS or GS. */
  segmentLow(name: 'fs' | 'gs'): number;
  segmentHigh(name: 'fs' | 'gs'): number;
  /** CR3 as a safe integer. */
  cr3(): number;
  /** Low half of CR4. */
  cr4(): number;
}

/** Guest memory as the VMM may read it. */
export interface GuestReader extends EntryReader {
  /** Copies bytes that the VMM can read; false when some are outside guest memory or in a missing page. */
  readBytes(gpa: number, into: Uint8Array, lengthBytes: number): boolean;
}

/** An operand with its displacement cut in halves once. */
interface Formula {
  readonly base: GprName | null;
  readonly index: GprName | null;
  readonly scaleShift: number;
  readonly displacementLow: number;
  readonly displacementHigh: number;
  readonly segment: 'fs' | 'gs' | null;
  readonly narrow: boolean;
  readonly sizeBytes: number;
}

interface Entry {
  readonly bytes: Uint8Array;
  readonly decoded: DecodedInstruction;
  readonly formulas: readonly Formula[];
}

/** Instructions remembered; a guest that faults from more places than this only loses speed. */
const MOST_ENTRIES = 4096;
/** Pages one instruction can touch: a handful of operands, each over at most three pages. */
const MOST_CANDIDATES = 32;

/** See the module's comment. One for each vCPU. */
export class FaultLocator {
  /** Page-aligned gpas of the last {@link locate}, `count` of them. */
  readonly candidates = new Float64Array(MOST_CANDIDATES);
  count = 0;
  /** gpa of the first byte of the last {@link locate}'s instruction; -1 when it is mapped nowhere. */
  codeGpa = -1;
  /** gpa of its first byte in a second page; -1 when it lies in one. */
  codeTailGpa = -1;
  /** The instruction of the last {@link locate}, for messages; null when it could not be read or decoded. */
  instruction: DecodedInstruction | null = null;

  private readonly cache = new Map<number, Entry>();
  private readonly bytes = new Uint8Array(MAX_INSTRUCTION_BYTES);
  private readonly tail = new Uint8Array(MAX_INSTRUCTION_BYTES);
  private readonly result: WalkResult = { gpa: 0, entryGpa: 0 };
  private addressLow = 0;
  private addressHigh = 0;

  constructor(
    private readonly registers: RegisterSource,
    private readonly reader: GuestReader,
  ) {}

  /** Fills {@link candidates} for the instruction at RIP; returns how many. */
  locate(): number {
    this.count = 0;
    this.codeGpa = -1;
    this.codeTailGpa = -1;
    this.instruction = null;
    const ripLow = this.registers.low('rip');
    const ripHigh = this.registers.high('rip');
    const available = this.fetch(ripLow, ripHigh);
    if (available === 0) return this.count;
    const entry = this.lookUp(ripLow, ripHigh, available);
    if (entry === null) return this.count;
    this.instruction = entry.decoded;
    if (entry.decoded.lengthBytes <= 4096 - (this.codeGpa % 4096)) this.codeTailGpa = -1;
    for (const formula of entry.formulas) {
      this.evaluate(formula);
      this.addRange(this.addressLow, this.addressHigh, formula.sizeBytes);
    }
    return this.count;
  }

  /** Reads the instruction's bytes into `this.bytes`; how many could be had. Unreadable pages become candidates. */
  private fetch(ripLow: number, ripHigh: number): number {
    if (!this.translate(ripLow, ripHigh)) return 0;
    const start = this.result.gpa;
    this.codeGpa = start;
    const inPage = Math.min(MAX_INSTRUCTION_BYTES, 4096 - (start % 4096));
    if (!this.reader.readBytes(start, this.bytes, inPage)) {
      this.addCandidate(start);
      return 0;
    }
    if (inPage === MAX_INSTRUCTION_BYTES) return inPage;
    // The tail may not exist or not be needed; it is a candidate only when the bytes at hand are no whole instruction.
    this.add64(ripLow, ripHigh, inPage, 0);
    const before = this.count;
    if (!this.translate(this.addressLow, this.addressHigh)) return inPage;
    this.codeTailGpa = this.result.gpa;
    const rest = MAX_INSTRUCTION_BYTES - inPage;
    if (!this.reader.readBytes(this.result.gpa, this.tail, rest)) {
      const whole = decodeInstruction(this.bytes.subarray(0, inPage), 0n);
      if (whole === null) this.addCandidate(this.result.gpa);
      else this.count = before;
      return whole === null ? 0 : inPage;
    }
    for (let i = 0; i < rest; i++) this.bytes[inPage + i] = this.tail[i];
    return MAX_INSTRUCTION_BYTES;
  }

  private lookUp(ripLow: number, ripHigh: number, available: number): Entry | null {
    const key = (ripHigh | 0) * 0x100000000 + (ripLow >>> 0);
    const known = this.cache.get(key);
    if (known !== undefined && sameBytes(known.bytes, this.bytes, known.decoded.lengthBytes)) return known;
    const rip = (BigInt(ripHigh >>> 0) << 32n) | BigInt(ripLow >>> 0);
    const decoded = decodeInstruction(this.bytes.subarray(0, available), rip);
    if (decoded === null) return null;
    const entry: Entry = { bytes: this.bytes.slice(), decoded, formulas: decoded.operands.map(toFormula) };
    if (this.cache.size >= MOST_ENTRIES) this.cache.clear();
    this.cache.set(key, entry);
    return entry;
  }

  private evaluate(formula: Formula): void {
    this.addressLow = formula.displacementLow;
    this.addressHigh = formula.displacementHigh;
    if (formula.base !== null) {
      this.add64(this.addressLow, this.addressHigh, this.registers.low(formula.base), this.registers.high(formula.base));
    }
    if (formula.index !== null) {
      const low = this.registers.low(formula.index);
      const high = this.registers.high(formula.index);
      const shift = formula.scaleShift;
      const carried = shift === 0 ? high : (high << shift) | (low >>> (32 - shift));
      this.add64(this.addressLow, this.addressHigh, low << shift, carried);
    }
    if (formula.narrow) this.addressHigh = 0;
    if (formula.segment !== null) {
      this.add64(
        this.addressLow,
        this.addressHigh,
        this.registers.segmentLow(formula.segment),
        this.registers.segmentHigh(formula.segment),
      );
    }
  }

  /** Adds every page of [address, address + size). */
  private addRange(low: number, high: number, sizeBytes: number): void {
    let left = ((low >>> 0) % 4096) + sizeBytes;
    while (left > 0) {
      if (this.translate(low, high)) this.addCandidate(this.result.gpa);
      this.add64(low, high, 4096, 0);
      low = this.addressLow;
      high = this.addressHigh;
      left -= 4096;
    }
  }

  /** Walks the tables; an entry that cannot be read becomes a candidate itself. */
  private translate(low: number, high: number): boolean {
    const outcome = walk(this.reader, this.registers.cr3(), this.registers.cr4(), low, high, this.result);
    if (outcome === 'unreadable') this.addCandidate(this.result.entryGpa);
    return outcome === 'mapped';
  }

  private addCandidate(gpa: number): void {
    const page = gpa - (gpa % 4096);
    for (let i = 0; i < this.count; i++) if (this.candidates[i] === page) return;
    if (this.count < MOST_CANDIDATES) this.candidates[this.count++] = page;
  }

  /** 64-bit sum, modulo 2^64, into the address fields. */
  private add64(aLow: number, aHigh: number, bLow: number, bHigh: number): void {
    const low = (aLow >>> 0) + (bLow >>> 0);
    this.addressLow = low | 0;
    this.addressHigh = (aHigh + bHigh + (low > 0xffffffff ? 1 : 0)) | 0;
  }
}

function toFormula(operand: DecodedInstruction['operands'][number]): Formula {
  return {
    base: operand.base,
    index: operand.index,
    scaleShift: Math.log2(operand.scale),
    displacementLow: Number(BigInt.asIntN(32, operand.displacement)),
    displacementHigh: Number(BigInt.asIntN(32, operand.displacement >> 32n)),
    segment: operand.segment,
    narrow: operand.addressBits === 32,
    sizeBytes: operand.sizeBytes,
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array, lengthBytes: number): boolean {
  for (let i = 0; i < lengthBytes; i++) if (a[i] !== b[i]) return false;
  return true;
}

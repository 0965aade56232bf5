/**
 * Finds which guest-physical pages an instruction was about to touch. A stock kernel says only EFAULT when a page cannot be had: no gpa,
 * no flags. The VMM then does what KVM's own emulator would: look at the instruction that failed, work out every address it uses, and
 * translate each as the guest's MMU does. The instruction's own bytes are candidates too, and so are page-table entries on hosts with two-dimensional paging.
 * What is no operand stays in the dark: descriptors, the way into an exception's handler. Code is taken for 64-bit code.
 *
 * Everything read here is the guest's: it may be nonsense, and then there are simply no candidates.
 */
import { EffectiveAddress, addressCount, toFormula, type Formula } from './effective-address.js';
import { MAX_INSTRUCTION_BYTES, decodeInstruction, decodeOperands, type DecodedInstruction, type DecodedOperands } from './memory-operands.js';
import { walk, type EntryReader, type WalkResult } from './page-walk.js';
import type { RegisterSource, VectorSource } from './registers.js';

/** Guest memory as the VMM may read it. */
export interface GuestReader extends EntryReader {
  /** Copies bytes that the VMM can read; false when some are outside guest memory or in a missing page. */
  readBytes(gpa: number, into: Uint8Array, lengthBytes: number): boolean;
}

interface Entry {
  readonly rip: bigint;
  readonly bytes: Uint8Array;
  readonly decoded: DecodedOperands;
  readonly formulas: readonly Formula[];
  /** Some address depends on vector registers. */
  readonly hasLanes: boolean;
}

/** Instructions remembered; a guest that faults from more places than this only loses speed. */
const MOST_ENTRIES = 4096;
/** Pages one instruction can touch: a gather has sixteen addresses, each across two pages; its code may lie across two more. */
const MOST_CANDIDATES = 40;

/** What a candidate page would be touched for: bits of {@link FaultLocator.uses}. */
export const USE_READ = 1;
export const USE_WRITE = 2;
export const USE_FETCH = 4;
/** By the MMU, which walks the guest's page tables. */
export const USE_TABLE = 8;

/** A result whose numbers stay where they are: fields of an object that hold them would be new objects at each fault. */
class Translation implements WalkResult {
  private readonly values = new Float64Array(2);

  get gpa(): number {
    return this.values[0];
  }

  set gpa(gpa: number) {
    this.values[0] = gpa;
  }

  get entryGpa(): number {
    return this.values[1];
  }

  set entryGpa(gpa: number) {
    this.values[1] = gpa;
  }
}

/** See the module's comment. One for each vCPU. */
export class FaultLocator {
  /** Page-aligned gpas of the last {@link locate}, `count` of them, in the order of the instruction's operands. */
  readonly candidates = new Float64Array(MOST_CANDIDATES);
  /** gpa of the first byte that is touched of each candidate. */
  readonly firstBytes = new Float64Array(MOST_CANDIDATES);
  /** Its gva, in halves; that of the access whose translation was looked up for a table. */
  readonly gvaLow = new Int32Array(MOST_CANDIDATES);
  readonly gvaHigh = new Int32Array(MOST_CANDIDATES);
  /** How many bytes of each candidate, as far as is known. */
  readonly lengths = new Uint16Array(MOST_CANDIDATES);
  /** USE_* of the first operand that leads to each candidate. */
  readonly uses = new Uint8Array(MOST_CANDIDATES);
  count = 0;
  /** gpa of the first byte of the last {@link locate}'s instruction; -1 when it is mapped nowhere. */
  codeGpa = -1;
  /** gpa of its first byte in a second page; -1 when it lies in one. */
  codeTailGpa = -1;
  /** What the last {@link locate} found out about its instruction; null when it could not be read or decoded. */
  private entry: Entry | null = null;
  private readonly cache = new Map<number, Entry>();
  private readonly bytes = new Uint8Array(MAX_INSTRUCTION_BYTES);
  private readonly tail = new Uint8Array(MAX_INSTRUCTION_BYTES);
  private readonly result: WalkResult = new Translation();
  private readonly address: EffectiveAddress;

  constructor(
    private readonly registers: RegisterSource,
    private readonly reader: GuestReader,
  ) {
    this.address = new EffectiveAddress(registers);
  }

  /** Length of the last {@link locate}'s instruction; 0 when it could not be read or decoded. */
  get lengthBytes(): number {
    return this.entry?.decoded.lengthBytes ?? 0;
  }

  /** The instruction of the last {@link locate}, for messages; null when it could not be read or decoded. */
  get instruction(): DecodedInstruction | null {
    return this.entry === null ? null : decodeInstruction(this.entry.bytes, this.entry.rip);
  }

  /** Fills {@link candidates} for the instruction at RIP; returns how many. */
  locate(): number {
    return this.locateAt(this.registers.low('rip'), this.registers.high('rip'));
  }

  /** The same for an instruction elsewhere, with the registers as they are. */
  locateAt(ripLow: number, ripHigh: number): number {
    this.count = 0;
    this.codeGpa = -1;
    this.codeTailGpa = -1;
    this.entry = null;
    const available = this.fetch(ripLow, ripHigh);
    if (available === 0) return this.count;
    const entry = this.lookUp(ripLow, ripHigh, available);
    if (entry === null) return this.count;
    this.entry = entry;
    if (entry.decoded.lengthBytes <= 4096 - (this.codeGpa % 4096)) this.codeTailGpa = -1;
    const vectors = entry.hasLanes ? this.registers.vectors() : null;
    for (const formula of entry.formulas) this.addOperand(formula, vectors);
    return this.count;
  }

  /** Reads the instruction's bytes into `this.bytes`; how many could be had. Unreadable pages become candidates. */
  private fetch(ripLow: number, ripHigh: number): number {
    this.address.low = ripLow;
    this.address.high = ripHigh;
    if (!this.translate()) return 0;
    const start = this.result.gpa;
    this.codeGpa = start;
    const inPage = Math.min(MAX_INSTRUCTION_BYTES, 4096 - (start % 4096));
    if (!this.reader.readBytes(start, this.bytes, inPage)) {
      this.addCandidate(start, 1, USE_FETCH);
      return 0;
    }
    if (inPage === MAX_INSTRUCTION_BYTES) return inPage;
    // The tail may not exist or not be needed; it is a candidate only when the bytes at hand are no whole instruction.
    this.address.add(inPage, 0);
    const before = this.count;
    if (!this.translate()) return inPage;
    this.codeTailGpa = this.result.gpa;
    const rest = MAX_INSTRUCTION_BYTES - inPage;
    if (!this.reader.readBytes(this.result.gpa, this.tail, rest)) {
      const whole = decodeOperands(this.bytes.subarray(0, inPage), 0n);
      if (whole === null) this.addCandidate(this.result.gpa, 1, USE_FETCH);
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
    const decoded = decodeOperands(this.bytes.subarray(0, available), rip);
    if (decoded === null) return null;
    const hasLanes = decoded.operands.some(({ offset }) => offset?.kind === 'lanes');
    const entry: Entry = { rip, bytes: this.bytes.slice(), decoded, formulas: decoded.operands.map(toFormula), hasLanes };
    if (this.cache.size >= MOST_ENTRIES) this.cache.clear();
    this.cache.set(key, entry);
    return entry;
  }

  private addOperand(formula: Formula, vectors: VectorSource | null): void {
    const lanes = addressCount(formula);
    const use = (formula.read ? USE_READ : 0) | (formula.write ? USE_WRITE : 0);
    for (let lane = 0; lane < lanes; lane++) {
      if (this.address.compute(formula, lane, vectors)) this.addRange(formula.sizeBytes, use);
    }
  }

  /** Adds every page of the bytes from the address on. */
  private addRange(sizeBytes: number, use: number): void {
    let left = sizeBytes;
    while (left > 0) {
      const inPage = Math.min(left, 4096 - ((this.address.low >>> 0) % 4096));
      if (this.translate()) this.addCandidate(this.result.gpa, inPage, use);
      this.address.add(inPage, 0);
      left -= inPage;
    }
  }

  /** Walks the tables for the address; an entry that cannot be read becomes a candidate itself. */
  private translate(): boolean {
    const outcome = walk(this.reader, this.registers.cr3(), this.registers.cr4(), this.address.low, this.address.high, this.result);
    if (outcome === 'unreadable') this.addCandidate(this.result.entryGpa, 8, USE_TABLE);
    return outcome === 'mapped';
  }

  private addCandidate(gpa: number, lengthBytes: number, use: number): void {
    const page = gpa - (gpa % 4096);
    for (let i = 0; i < this.count; i++) if (this.candidates[i] === page) return;
    if (this.count === MOST_CANDIDATES) return;
    const at = this.count++;
    this.candidates[at] = page;
    this.firstBytes[at] = gpa;
    this.gvaLow[at] = this.address.low;
    this.gvaHigh[at] = this.address.high;
    this.lengths[at] = lengthBytes;
    this.uses[at] = use;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array, lengthBytes: number): boolean {
  for (let i = 0; i < lengthBytes; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Reads the guest's ELF file: loadable segments and the symbols that the boot needs. Every field of the file is checked, since a wrong file
 * must end in one clear sentence. Source: System V ABI, AMD64 supplement.
 */
import { FaultLabError } from '../errors/index.js';
import { PAGE_SIZE } from '../uapi/index.js';
import { IMAGE_BASE, IMAGE_LIMIT } from './abi.js';

/** A PT_LOAD segment. */
export interface ElfSegment {
  /** gva of the first byte. */
  readonly address: number;
  readonly fileOffset: number;
  readonly fileSizeBytes: number;
  /** In memory; the rest beyond the file's bytes is zero. */
  readonly memorySizeBytes: number;
  /** p_flags: PF_X 1, PF_W 2, PF_R 4, and the guest's own bits. */
  readonly flags: number;
}

/** What the loader needs of an ELF file. */
export interface ElfImage {
  /** For messages. */
  readonly name: string;
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
  readonly bytes: Uint8Array;
  /** Whether the file has a symbol of that name. */
  has(name: string): boolean;
  /** Address of a symbol; throws `GUEST_ELF` when the file has none of that name. */
  symbol(name: string): number;
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
const SYMBOL_BYTES = 24;
const PT_LOAD = 1;
const SHT_SYMTAB = 2;

/**
 * Refuses a guest.
 * @throws FaultLabError `GUEST_ELF`, always
 */
export function refuseGuest(name: string, why: string): never {
  throw new FaultLabError('GUEST_ELF', `${name} is not a guest this VMM can load: ${why}`, {
    hint: 'build the guest with `npm run build:guest`, or name another file with --guest',
  });
}

/**
 * Parses a static x86-64 ELF executable.
 * @param bytes - the whole file
 * @param name - for messages
 * @throws FaultLabError `GUEST_ELF`
 */
export function parseElf(bytes: Uint8Array, name: string): ElfImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const refuse = (why: string): never => refuseGuest(name, why);
  const need = (offset: number, length: number, what: string): void => {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > bytes.byteLength) refuse(`its ${what} lies outside the file`);
  };
  const u64 = (offset: number): number => Number(view.getBigUint64(offset, true));

  if (bytes.byteLength < HEADER_BYTES || view.getUint32(0, false) !== 0x7f454c46) refuse('no ELF magic');
  if (bytes[4] !== 2 || bytes[5] !== 1) refuse('not a 64-bit little-endian file');
  if (view.getUint16(16, true) !== 2) refuse('not a static executable');
  if (view.getUint16(18, true) !== 62) refuse('not for x86-64');

  const programOffset = u64(32);
  const programCount = view.getUint16(56, true);
  if (programCount === 0) refuse('it has no program headers');
  need(programOffset, programCount * PROGRAM_HEADER_BYTES, 'program header table');
  const segments: ElfSegment[] = [];
  for (let i = 0; i < programCount; i++) {
    const at = programOffset + i * PROGRAM_HEADER_BYTES;
    if (view.getUint32(at, true) !== PT_LOAD) continue;
    const segment: ElfSegment = {
      flags: view.getUint32(at + 4, true),
      fileOffset: u64(at + 8),
      address: u64(at + 16),
      fileSizeBytes: u64(at + 32),
      memorySizeBytes: u64(at + 40),
    };
    need(segment.fileOffset, segment.fileSizeBytes, `segment ${i}`);
    if (segment.memorySizeBytes < segment.fileSizeBytes) refuse(`segment ${i} is larger in the file than in memory`);
    if (segment.memorySizeBytes === 0) continue;
    // What lies elsewhere would meet the tables that the VMM makes, or gigabytes of nothing.
    if (segment.address < IMAGE_BASE || segment.address + segment.memorySizeBytes > IMAGE_LIMIT) {
      refuse(`segment ${i} does not lie between 0x${IMAGE_BASE.toString(16)} and 0x${IMAGE_LIMIT.toString(16)}`);
    }
    // The page is the unit of protection, and of what is private to a vCPU.
    if (segments.some((other) => pageOf(segment.address) <= lastPage(other) && pageOf(other.address) <= lastPage(segment))) {
      refuse(`segment ${i} shares a page with another`);
    }
    segments.push(segment);
  }
  if (segments.length === 0) refuse('nothing in it is loadable');
  const entry = u64(24);
  if (!segments.some(({ address, memorySizeBytes }) => entry >= address && entry < address + memorySizeBytes)) refuse('its entry lies in no segment');

  const symbols = readSymbols();
  return {
    name,
    entry,
    segments,
    bytes,
    has: (symbolName) => symbols.has(symbolName),
    symbol: (symbolName) => {
      const value = symbols.get(symbolName) ?? refuse(`it has no symbol ${symbolName}`);
      return Number.isSafeInteger(value) ? value : refuse(`its symbol ${symbolName} is no address`);
    },
  };

  function readSymbols(): Map<string, number> {
    const found = new Map<string, number>();
    const sectionOffset = u64(40);
    const sectionCount = view.getUint16(60, true);
    need(sectionOffset, sectionCount * SECTION_HEADER_BYTES, 'section header table');
    for (let i = 0; i < sectionCount; i++) {
      const at = sectionOffset + i * SECTION_HEADER_BYTES;
      if (view.getUint32(at + 4, true) !== SHT_SYMTAB) continue;
      const tableOffset = u64(at + 24);
      const tableSize = u64(at + 32);
      need(tableOffset, tableSize, 'symbol table');
      const link = view.getUint32(at + 40, true);
      if (link >= sectionCount) refuse('its symbol table names no string table');
      const stringsOffset = u64(sectionOffset + link * SECTION_HEADER_BYTES + 24);
      const stringsSize = u64(sectionOffset + link * SECTION_HEADER_BYTES + 32);
      need(stringsOffset, stringsSize, 'string table');
      const strings = bytes.subarray(stringsOffset, stringsOffset + stringsSize);
      for (let s = 0; s + SYMBOL_BYTES <= tableSize; s += SYMBOL_BYTES) {
        const nameStart = view.getUint32(tableOffset + s, true);
        const nameEnd = strings.indexOf(0, nameStart);
        if (nameStart === 0 || nameStart >= stringsSize || nameEnd < 0) continue;
        found.set(Buffer.from(strings.subarray(nameStart, nameEnd)).toString('latin1'), u64(tableOffset + s + 8));
      }
    }
    return found;
  }
}

function pageOf(address: number): number {
  return Math.floor(address / PAGE_SIZE);
}

function lastPage(segment: ElfSegment): number {
  return pageOf(segment.address + segment.memorySizeBytes - 1);
}

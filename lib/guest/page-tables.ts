/**
 * Builds 4-level page tables in guest memory. Source: Intel SDM vol. 3, paging.
 */

/** Access that a mapping gives. */
export interface PageAccess {
  readonly write: boolean;
  readonly user: boolean;
  readonly execute: boolean;
}

const PRESENT = 1n;
const WRITE = 2n;
const USER = 4n;
/** Accessed and dirty: set beforehand so that no walk ever has to write into the tables. */
const ACCESSED_DIRTY = 0x60n;
const LARGE = 0x80n;
const NO_EXECUTE = 1n << 63n;
const FRAME_MASK = 0x000ffffffffff000n;

const SMALL_BYTES = 4096;
/** Bytes of a large page. */
export const LARGE_PAGE_BYTES = 2 * 1024 * 1024;

/** Where tables are built: memory and a way to get zeroed page frames in it. */
export interface TableMemory {
  readonly data: DataView;
  /** gpa of a fresh zeroed frame. */
  allocateFrame(): number;
  /** Offset of a gpa in `data`. */
  offsetOf(gpa: number, lengthBytes: number): number;
}

/** One address space. */
export class PageTables {
  /** Physical address for CR3. */
  readonly root: number;

  constructor(private readonly memory: TableMemory) {
    this.root = memory.allocateFrame();
  }

  /**
   * Maps a range with 4 KiB pages.
   * @param gva - page aligned
   * @param gpa - page aligned
   * @param sizeBytes - multiple of 4 KiB
   */
  mapSmall(gva: number, gpa: number, sizeBytes: number, access: PageAccess): void {
    for (let offset = 0; offset < sizeBytes; offset += SMALL_BYTES) {
      const table = this.descend(this.descend(this.descend(this.root, gva + offset, 3), gva + offset, 2), gva + offset, 1);
      this.write(table, gva + offset, 0, BigInt(gpa + offset) | leaf(access));
    }
  }

  /** Maps a range with 2 MiB pages; all three numbers are multiples of 2 MiB. */
  mapLarge(gva: number, gpa: number, sizeBytes: number, access: PageAccess): void {
    for (let offset = 0; offset < sizeBytes; offset += LARGE_PAGE_BYTES) {
      const table = this.descend(this.descend(this.root, gva + offset, 3), gva + offset, 2);
      this.write(table, gva + offset, 1, BigInt(gpa + offset) | leaf(access) | LARGE);
    }
  }

  /**
   * Shares the tables below one top-level-but-one entry (1 GiB) of another address space, so that large windows cost their tables once.
   * @param gva - any address within the gigabyte
   */
  shareGigabyte(from: PageTables, gva: number): void {
    const source = from.descend(from.root, gva, 3);
    const entry = this.memory.data.getBigUint64(this.entryOffset(source, gva, 2), true);
    this.write(this.descend(this.root, gva, 3), gva, 2, entry);
  }

  /** Table that the entry of `table` at `level` for `gva` points to; made when missing. */
  private descend(table: number, gva: number, level: number): number {
    const at = this.entryOffset(table, gva, level);
    const entry = this.memory.data.getBigUint64(at, true);
    if ((entry & PRESENT) !== 0n) return Number(entry & FRAME_MASK);
    const frame = this.memory.allocateFrame();
    // Upper levels allow everything; the leaf decides.
    this.memory.data.setBigUint64(at, BigInt(frame) | PRESENT | WRITE | USER | 0x20n, true);
    return frame;
  }

  private write(table: number, gva: number, level: number, entry: bigint): void {
    this.memory.data.setBigUint64(this.entryOffset(table, gva, level), entry, true);
  }

  private entryOffset(table: number, gva: number, level: number): number {
    const index = Math.floor(gva / 2 ** (12 + 9 * level)) % 512;
    return this.memory.offsetOf(table + index * 8, 8);
  }
}

function leaf(access: PageAccess): bigint {
  return PRESENT | ACCESSED_DIRTY | (access.write ? WRITE : 0n) | (access.user ? USER : 0n) | (access.execute ? 0n : NO_EXECUTE);
}

import { strict as assert } from 'node:assert';
import { walk, type EntryReader, type WalkResult } from '../../lib/faults/index.js';
import { LARGE_PAGE_BYTES, PageTables, type TableMemory } from '../../lib/guest/page-tables.js';

const FRAME = 4096;
const ACCESS = { write: true, user: true, execute: true };

/** A little physical memory of its own: tables from gpa 0x10000 on. */
class Memory implements TableMemory, EntryReader {
  readonly data = new DataView(new ArrayBuffer(64 * FRAME));
  low = 0;
  high = 0;
  private next = 0x10000;

  allocateFrame(): number {
    this.next += FRAME;
    return this.next - FRAME;
  }

  offsetOf(gpa: number): number {
    return gpa;
  }

  readEntry(gpa: number): boolean {
    if (gpa + 8 > this.data.byteLength) return false;
    this.low = this.data.getUint32(gpa, true);
    this.high = this.data.getUint32(gpa + 4, true);
    return true;
  }
}

function translate(memory: Memory, root: number, gva: bigint, cr4 = 0x20): { outcome: string; result: WalkResult } {
  const result = { gpa: -1, entryGpa: -1 };
  const outcome = walk(memory, root, cr4, Number(gva & 0xffffffffn) | 0, Number(gva >> 32n) | 0, result);
  return { outcome, result };
}

describe('page walk', () => {
  it('finds what the table builder mapped, with 4 KiB and 2 MiB pages, at low, high and canonical kernel addresses', () => {
    const memory = new Memory();
    const tables = new PageTables(memory);
    tables.mapSmall(0x1000, 0x7000, FRAME, ACCESS);
    tables.mapSmall(0x7fff_ffff_f000, 0x12_3456_7000, FRAME, ACCESS);
    tables.mapLarge(0x1_4000_0000, 0x30_0000_0000, 2 * LARGE_PAGE_BYTES, ACCESS);
    const cases: [bigint, number][] = [
      [0x1abcn, 0x7abc],
      [0x7fff_ffff_fff8n, 0x12_3456_7ff8],
      [0x1_4000_0000n, 0x30_0000_0000],
      [0x1_4030_1235n, 0x30_0030_1235],
    ];
    for (const [gva, gpa] of cases) {
      const { outcome, result } = translate(memory, tables.root, gva);
      assert.equal(outcome, 'mapped', `gva 0x${gva.toString(16)}`);
      assert.equal(result.gpa, gpa, `gva 0x${gva.toString(16)}`);
    }
  });

  it('says not-mapped where the guest has no translation', () => {
    const memory = new Memory();
    const tables = new PageTables(memory);
    tables.mapSmall(0x1000, 0x7000, FRAME, ACCESS);
    assert.equal(translate(memory, tables.root, 0x2000n).outcome, 'not-mapped');
    assert.equal(translate(memory, tables.root, 0xffff_8000_0000_0000n).outcome, 'not-mapped');
  });

  it('says not-mapped of an address that is not canonical, although its lower bits are mapped', () => {
    const memory = new Memory();
    const tables = new PageTables(memory);
    tables.mapSmall(0x1000, 0x7000, FRAME, ACCESS);
    tables.mapSmall(0x7fff_ffff_f000, 0x8000, FRAME, ACCESS);
    for (const gva of [0x1_0000_0000_1000n, 0x8000_0000_0000_1000n, 0xffff_0000_0000_1000n, 0xffff_7fff_ffff_f000n]) {
      assert.equal(translate(memory, tables.root, gva).outcome, 'not-mapped', `gva 0x${gva.toString(16)}`);
    }
  });

  it('takes 57 bits of address in 5-level paging', () => {
    const memory = new Memory();
    const tables = new PageTables(memory);
    tables.mapSmall(0x1000, 0x7000, FRAME, ACCESS);
    const root = memory.allocateFrame();
    for (const index of [0, 1, 0x1ff]) memory.data.setBigUint64(root + 8 * index, BigInt(tables.root) | 3n, true);
    const LA57 = 0x1020;
    for (const gva of [0x1000n, (1n << 48n) | 0x1000n, 0xffff_0000_0000_1000n]) assert.equal(translate(memory, root, gva, LA57).outcome, 'mapped', `gva 0x${gva.toString(16)}`);
    for (const gva of [(1n << 57n) | 0x1000n, 0x7fff_0000_0000_1000n]) assert.equal(translate(memory, root, gva, LA57).outcome, 'not-mapped', `gva 0x${gva.toString(16)}`);
  });

  it('names the entry when a table lies where nothing can be read', () => {
    const memory = new Memory();
    const tables = new PageTables(memory);
    tables.mapSmall(0x1000, 0x7000, FRAME, ACCESS);
    // The top entry now points to a table outside memory.
    memory.data.setBigUint64(tables.root, 0x8_0000_0003n, true);
    const { outcome, result } = translate(memory, tables.root, 0x1000n);
    assert.equal(outcome, 'unreadable');
    assert.equal(result.entryGpa, 0x8_0000_0000);
  });

  it('survives tables that point at themselves', () => {
    const memory = new Memory();
    const root = memory.allocateFrame();
    memory.data.setBigUint64(root, BigInt(root) | 3n, true);
    assert.equal(translate(memory, root, 0n).outcome, 'mapped');
  });
});

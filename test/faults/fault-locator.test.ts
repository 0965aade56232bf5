import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { FaultLocator, type GprName, type GuestReader, type RegisterSource, type VectorSource } from '../../lib/faults/index.js';
import { PageTables, type TableMemory } from '../../lib/guest/page-tables.js';

const FRAME = 4096;
const CODE = 0x40_0000;
const DATA = 0x50_0000;

/** Guest memory as an array: tables low, code (two pages) at CODE, data (three pages) at DATA, mapped one to one. */
class Memory implements TableMemory, GuestReader {
  readonly data = new DataView(new ArrayBuffer(0x60_0000));
  readonly unreadable = new Set<number>();
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
    if (gpa + 8 > this.data.byteLength || this.unreadable.has(gpa - (gpa % FRAME))) return false;
    this.low = this.data.getInt32(gpa, true);
    this.high = this.data.getInt32(gpa + 4, true);
    return true;
  }
  readBytes(gpa: number, into: Uint8Array, lengthBytes: number): boolean {
    if (gpa + lengthBytes > this.data.byteLength || this.unreadable.has(gpa - (gpa % FRAME))) return false;
    into.set(new Uint8Array(this.data.buffer, gpa, lengthBytes));
    return true;
  }
  code(at: number, bytes: readonly number[]): void {
    new Uint8Array(this.data.buffer).set(bytes, at);
  }
}

class Registers implements RegisterSource {
  readonly values = new Map<string, bigint>();
  root = 0;
  low(name: GprName | 'rip'): number {
    return Number(BigInt.asIntN(32, this.values.get(name) ?? 0n));
  }
  high(name: GprName | 'rip'): number {
    return Number(BigInt.asIntN(32, (this.values.get(name) ?? 0n) >> 32n));
  }
  segmentLow(name: 'fs' | 'gs'): number {
    return Number(BigInt.asIntN(32, this.values.get(name) ?? 0n));
  }
  segmentHigh(name: 'fs' | 'gs'): number {
    return Number(BigInt.asIntN(32, (this.values.get(name) ?? 0n) >> 32n));
  }
  cr3(): number {
    return this.root;
  }
  cr4(): number {
    return 0x20;
  }
  vectors(): VectorSource {
    return { word: (vector, at) => Number(BigInt.asIntN(32, (this.values.get(`zmm${vector}`) ?? 0n) >> BigInt(32 * at))), mask: (register) => Number(this.values.get(`k${register}`) ?? 0n) };
  }
}

interface Case {
  readonly title: string;
  readonly bytes: readonly number[];
  readonly registers: Readonly<Record<string, bigint>>;
  readonly pages: readonly number[];
}

const D = BigInt(DATA);
/** A vector register with these 32-bit lanes. */
function lanes(...values: readonly number[]): bigint {
  return values.reduceRight((sum, value) => (sum << 32n) | BigInt.asUintN(32, BigInt(value)), 0n);
}
const CASES: readonly Case[] = [
  { title: 'mov rax,[rbx]', bytes: [0x48, 0x8b, 0x03], registers: { rbx: D + 8n }, pages: [DATA] },
  { title: 'mov [rbx+rcx*4+0x10],rax', bytes: [0x48, 0x89, 0x44, 0x8b, 0x10], registers: { rbx: D, rcx: 0x400n }, pages: [DATA + FRAME] },
  { title: 'a negative displacement', bytes: [0x48, 0x8b, 0x43, 0xf8], registers: { rbx: D + 0x1000n }, pages: [DATA] },
  { title: 'a negative index', bytes: [0x8a, 0x04, 0x0b], registers: { rbx: D + 0x1000n, rcx: -1n }, pages: [DATA] },
  { title: 'lock add [rdi],1', bytes: [0xf0, 0x48, 0x83, 0x07, 0x01], registers: { rdi: D + 16n }, pages: [DATA] },
  { title: 'an address that is not canonical, which no page fault comes from', bytes: [0x48, 0x8b, 0x03], registers: { rbx: (1n << 48n) + D }, pages: [] },
  { title: 'movsb to an address that is not canonical', bytes: [0xa4], registers: { rsi: D, rdi: (1n << 47n) + D + 0x1000n }, pages: [DATA] },
  { title: 'xlat', bytes: [0xd7], registers: { rbx: D + 0xff0n, rax: 0xff20n }, pages: [DATA + FRAME] },
  { title: 'bt with a register', bytes: [0x48, 0x0f, 0xa3, 0x03], registers: { rbx: D, rax: 0x1000n * 8n }, pages: [DATA + FRAME] },
  { title: 'bts with a negative 32-bit register', bytes: [0x0f, 0xab, 0x03], registers: { rbx: D + 0x1000n, rax: 0xffff_ffffn }, pages: [DATA] },
  { title: 'btc with a 16-bit register', bytes: [0x66, 0x0f, 0xbb, 0x03], registers: { rbx: D + 0x1000n, rax: 0x1234_fff0n }, pages: [DATA] },
  { title: 'bt with an immediate, which stays in its operand', bytes: [0x48, 0x0f, 0xba, 0x23, 0x3f], registers: { rbx: D }, pages: [DATA] },
  { title: 'rep movsb, no further than its next step', bytes: [0xf3, 0xa4], registers: { rsi: D + 0xfffn, rdi: D + 0x1fffn, rcx: 4n }, pages: [DATA, DATA + FRAME] },
  { title: 'clzero', bytes: [0x0f, 0x01, 0xfc], registers: { rax: D + 0x1fffn }, pages: [DATA + FRAME] },
  { title: 'monitor, by FS', bytes: [0x64, 0x0f, 0x01, 0xc8], registers: { fs: D, rax: 0x1000n }, pages: [DATA + FRAME] },
  { title: 'vpgatherdd xmm1,[rbx+xmm2*4],xmm3, two lanes on', bytes: [0xc4, 0xe2, 0x61, 0x90, 0x0c, 0x93], registers: { rbx: D + 0x2000n, zmm2: lanes(-0x800, 0x100, -0x400, 0), zmm3: lanes(-1, 0, -1, 0) }, pages: [DATA, DATA + FRAME] },
  { title: 'vscatterdpd [rbx+ymm18*8]{k1},zmm1, lanes 0 and 7 on', bytes: [0x62, 0xf2, 0xfd, 0x41, 0xa2, 0x0c, 0xd3], registers: { rbx: D, zmm18: lanes(0, 0x200, 0x200, 0x200, 0x200, 0x200, 0x200, 0x400), k1: 0x81n }, pages: [DATA, DATA + 2 * FRAME] },
  { title: 'rep movsb, both ends', bytes: [0xf3, 0xa4], registers: { rsi: D, rdi: D + 0x2000n, rcx: 4n }, pages: [DATA, DATA + 2 * FRAME] },
  { title: 'push rax, below the stack pointer', bytes: [0x50], registers: { rsp: D + 0x1000n }, pages: [DATA] },
  { title: 'call, the return address', bytes: [0xe8, 0, 0, 0, 0], registers: { rsp: D + 0x2000n }, pages: [DATA + FRAME] },
  { title: 'enter, the far end of the new frame', bytes: [0xc8, 0x00, 0x20, 0x00], registers: { rsp: D + 0x2008n }, pages: [DATA, DATA + 2 * FRAME] },
  { title: 'an access over a page border', bytes: [0x48, 0x8b, 0x03], registers: { rbx: D + 0xffcn }, pages: [DATA, DATA + FRAME] },
  { title: 'rip-relative', bytes: [0x48, 0x8b, 0x05, 0xf9, 0xff, 0x0f, 0x00], registers: {}, pages: [DATA] },
  { title: 'an FS base', bytes: [0x64, 0x48, 0x8b, 0x03], registers: { fs: D, rbx: 0x1000n }, pages: [DATA + FRAME] },
  { title: '32-bit addressing drops the high half', bytes: [0x67, 0x8b, 0x03], registers: { rbx: 0xffff_ffff_0000_0000n | D }, pages: [DATA] },
  { title: 'lea touches nothing', bytes: [0x48, 0x8d, 0x03], registers: { rbx: D }, pages: [] },
  { title: 'movups, 16 bytes over a border', bytes: [0x0f, 0x10, 0x03], registers: { rbx: D + 0xff8n }, pages: [DATA, DATA + FRAME] },
];

function setUp(): { memory: Memory; registers: Registers; locator: FaultLocator } {
  const memory = new Memory();
  const tables = new PageTables(memory);
  tables.mapSmall(CODE, CODE, 2 * FRAME, { write: false, user: true, execute: true });
  tables.mapSmall(DATA, DATA, 3 * FRAME, { write: true, user: true, execute: false });
  const registers = new Registers();
  registers.root = tables.root;
  return { memory, registers, locator: new FaultLocator(registers, memory) };
}

function located(locator: FaultLocator): number[] {
  const count = locator.locate();
  return [...locator.candidates.subarray(0, count)].sort((a, b) => a - b);
}

describe('FaultLocator', () => {
  for (const { title, bytes, registers: values, pages } of CASES) {
    it(`finds the pages of ${title}`, () => {
      const { memory, registers, locator } = setUp();
      memory.code(CODE, bytes);
      registers.values.set('rip', BigInt(CODE));
      for (const [name, value] of Object.entries(values)) registers.values.set(name, value);
      assert.deepEqual(located(locator), pages);
      // Again, from the cache, and with other registers.
      assert.deepEqual(located(locator), pages);
    });
  }

  it('notices that the guest rewrote the instruction it remembered', () => {
    const { memory, registers, locator } = setUp();
    registers.values.set('rip', BigInt(CODE));
    registers.values.set('rbx', D);
    registers.values.set('rcx', D + 0x1000n);
    memory.code(CODE, [0x48, 0x8b, 0x03]);
    assert.deepEqual(located(locator), [DATA]);
    memory.code(CODE, [0x48, 0x8b, 0x01]);
    assert.deepEqual(located(locator), [DATA + FRAME]);
  });

  it('takes the page of an instruction that cannot be read for the missing one', () => {
    const { memory, registers, locator } = setUp();
    memory.unreadable.add(CODE);
    registers.values.set('rip', BigInt(CODE));
    assert.deepEqual(located(locator), [CODE]);
  });

  it('takes the second page of an instruction over a page border for the missing one, if the first does not hold all of it', () => {
    const { memory, registers, locator } = setUp();
    memory.code(CODE + FRAME - 2, [0x48, 0x8b]);
    memory.unreadable.add(CODE + FRAME);
    registers.values.set('rip', BigInt(CODE + FRAME - 2));
    assert.deepEqual(located(locator), [CODE + FRAME]);
    // push rax is whole in the first page: only its operand counts.
    memory.code(CODE + FRAME - 1, [0x50]);
    registers.values.set('rip', BigInt(CODE + FRAME - 1));
    registers.values.set('rsp', D + 8n);
    assert.deepEqual(located(locator), [DATA]);
  });

  it('says where the instruction itself lies: its fetch may have failed for a page that has come meanwhile', () => {
    const { memory, registers, locator } = setUp();
    const places = (rip: number): number[] => {
      registers.values.set('rip', BigInt(rip));
      located(locator);
      return [locator.codeGpa, locator.codeTailGpa];
    };
    memory.code(CODE, [0x0f, 0x05]);
    assert.deepEqual(places(CODE), [CODE, -1]);
    // syscall, one byte in each page; then nop, whole in the first although the bytes behind it lie in the second.
    memory.code(CODE + FRAME - 1, [0x0f, 0x05]);
    assert.deepEqual(places(CODE + FRAME - 1), [CODE + FRAME - 1, CODE + FRAME]);
    memory.code(CODE + FRAME - 1, [0x90]);
    assert.deepEqual(places(CODE + FRAME - 1), [CODE + FRAME - 1, -1]);
    assert.deepEqual(places(0x7000_0000), [-1, -1]);
  });

  it('names the page-table page when the tables of an operand cannot be read', () => {
    const { memory, registers, locator } = setUp();
    memory.code(CODE, [0x48, 0x8b, 0x03]);
    registers.values.set('rip', BigInt(CODE));
    registers.values.set('rbx', 1n << 39n);
    const missing = 0x7000_0000;
    memory.data.setBigUint64(registers.root + 8, BigInt(missing) | 3n, true);
    assert.deepEqual(located(locator), [missing]);
  });

  it('survives any bytes as code and any values as registers', () => {
    const { memory, registers, locator } = setUp();
    const word = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
    for (let vector = 0; vector < 32; vector++) registers.values.set(`zmm${vector}`, lanes(DATA, -DATA, vector, 0x7fff_ffff));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 15, maxLength: 15 }), fc.array(word, { minLength: 6, maxLength: 6 }), fc.nat(2 * FRAME - 16), (bytes, values, at) => {
        memory.code(CODE + at, [...bytes]);
        registers.values.set('rip', BigInt(CODE + at));
        ['rax', 'rbx', 'rcx', 'rsp', 'rsi', 'rdi'].forEach((name, i) => registers.values.set(name, values[i]));
        const count = locator.locate();
        for (let i = 0; i < count; i++) assert.equal(locator.candidates[i] % FRAME, 0);
      }),
      { numRuns: 2000 },
    );
  });
});

import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Machine } from '../../lib/index.js';
import { parseElf } from '../../lib/guest/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { assertNothingLeft, holdings, startThreadPool } from '../machine/support.js';
import { hostileMachine, makeGuestFolder } from './support.js';

const GUEST = fileURLToPath(new URL('../../../guest/build/guest.elf', import.meta.url));
const PROGRAM_HEADERS = 64;
const PROGRAM_HEADER_BYTES = 56;
const FLAGS = 4;
const ADDRESS = 16;
const MEMORY_SIZE = 40;
const PRIVATE = 0x00200000;

/** What is wrong with a file, and what the refusal must say. */
interface Case {
  readonly title: string;
  readonly why: RegExp;
  readonly spoil: (elf: Buffer) => void;
}

function header(segment: number, field: number): number {
  return PROGRAM_HEADERS + segment * PROGRAM_HEADER_BYTES + field;
}

function vectorTable(elf: Buffer): number {
  const image = parseElf(elf, 'guest.elf');
  const address = image.symbol('vector_table');
  const segment = image.segments.find((s) => address >= s.address && address < s.address + s.memorySizeBytes);
  assert(segment !== undefined);
  return segment.fileOffset + address - segment.address;
}

const CASES: readonly Case[] = [
  { title: 'a segment over the IDT', why: /segment 0 does not lie between 0x100000 and 0x200000/, spoil: (elf) => elf.writeBigUInt64LE(0x1000n, header(0, ADDRESS)) },
  { title: 'a segment over the mailbox', why: /segment 0 does not lie/, spoil: (elf) => elf.writeBigUInt64LE(0x200000n, header(0, ADDRESS)) },
  { title: 'a segment beyond memory', why: /segment 0 does not lie/, spoil: (elf) => elf.writeBigUInt64LE(0xffffffff_80000000n, header(0, ADDRESS)) },
  { title: 'a segment of gigabytes', why: /segment 3 does not lie/, spoil: (elf) => elf.writeBigUInt64LE(1n << 40n, header(3, MEMORY_SIZE)) },
  { title: 'a segment whose end is past 2^64', why: /segment 3 does not lie/, spoil: (elf) => elf.writeBigUInt64LE(0xffffffff_fffff000n, header(3, MEMORY_SIZE)) },
  {
    title: 'a private segment at the end of the address space',
    why: /segment 0 does not lie/,
    spoil: (elf) => {
      elf.writeUInt32LE(PRIVATE, header(0, FLAGS));
      elf.writeBigUInt64LE(0x7fff_ffff_0000n, header(0, ADDRESS));
    },
  },
  { title: 'two segments on one page', why: /segment 1 shares a page with another/, spoil: (elf) => elf.writeBigUInt64LE(0x100800n, header(1, ADDRESS)) },
  { title: 'an entry outside its segments', why: /entry lies in no segment/, spoil: (elf) => elf.writeBigUInt64LE(0x3000n, 24) },
  { title: 'an entry that no Number holds', why: /entry lies in no segment/, spoil: (elf) => elf.writeBigUInt64LE(0xffffffff_ffffffffn, 24) },
  { title: 'a vector of its table above 255', why: /entry 0 of its vector_table is vector 4096/, spoil: (elf) => elf.writeUInt32LE(4096, vectorTable(elf)) },
  { title: 'a gate for a privilege that nobody has', why: /entry 0 of its vector_table.*DPL 1/, spoil: (elf) => elf.writeUInt16LE(1, vectorTable(elf) + 6) },
  { title: 'an interrupt stack that the TSS does not have', why: /entry 0 of its vector_table.*stack 9/, spoil: (elf) => elf.writeUInt32LE(9, vectorTable(elf) + 4) },
];

describe('a guest ELF that would put the loader wrong', function () {
  let folder: string;

  before(async function () {
    requireKvm(this);
    await startThreadPool();
    folder = makeGuestFolder();
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  async function refusal(guestPath: string, why: RegExp): Promise<void> {
    const before = holdings();
    await assert.rejects(Machine.create(hostileMachine('sync-uffd', guestPath, { vcpus: 4 })), { name: 'FaultLabError', code: 'GUEST_ELF', message: why });
    await assertNothingLeft(before);
  }

  for (const { title, why, spoil } of CASES) {
    it(`${title}: is refused in one sentence, and nothing is left`, async () => {
      const elf = readFileSync(GUEST);
      spoil(elf);
      const path = join(folder, 'spoilt.elf');
      writeFileSync(path, elf);
      await refusal(path, why);
    });
  }

  it('a FIFO, a device or a folder in place of a file is refused and not waited for', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    for (const path of [fifo, '/dev/zero', folder]) await refusal(path, /no file of at most/);
  });
});

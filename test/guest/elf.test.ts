import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { FaultLabError } from '../../lib/errors/index.js';
import { parseElf } from '../../lib/guest/index.js';

const GUEST = new URL('../../../guest/build/guest.elf', import.meta.url);

describe('guest ELF', () => {
  it('of the project has an entry inside a loadable segment and the symbols that the boot needs', () => {
    const elf = parseElf(readFileSync(GUEST), 'guest.elf');
    assert(elf.segments.some((s) => elf.entry >= s.address && elf.entry < s.address + s.memorySizeBytes));
    for (const name of ['vector_table', 'kernel_stack_top', 'ist1_stack_top']) assert(elf.symbol(name) > 0, name);
    assert.throws(() => elf.symbol('no_such_symbol'), { code: 'GUEST_ELF' });
  });

  it('is refused with one clear sentence when it is no ELF file, not for x86-64, linked elsewhere, or cut off', () => {
    const good = readFileSync(GUEST);
    const wrongMachine = Buffer.from(good);
    wrongMachine.writeUInt16LE(40, 18);
    const elsewhere = Buffer.from(good);
    // p_vaddr of the first program header.
    elsewhere.writeBigUInt64LE(0x400000n, Number(good.readBigUInt64LE(32)) + 16);
    for (const [bytes, why] of [
      [Buffer.from('#!/bin/sh\n'), /no ELF magic/],
      [Buffer.alloc(0), /no ELF magic/],
      [wrongMachine, /not for x86-64/],
      [elsewhere, /segment 0 does not lie between/],
      [good.subarray(0, 100), /outside the file/],
      [good.subarray(0, good.length - 64), /outside the file/],
    ] as const) {
      assert.throws(
        () => parseElf(bytes, 'x'),
        (error: unknown) => error instanceof FaultLabError && error.code === 'GUEST_ELF' && why.test(error.message),
        String(why),
      );
    }
  });

  it('with any bytes changed is either read or refused, never a crash', () => {
    const good = readFileSync(GUEST);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { minLength: 1, maxLength: 10 }), (changes) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          parseElf(bytes, 'x');
        } catch (error) {
          assert(error instanceof FaultLabError, String(error));
        }
      }),
    );
  });
});

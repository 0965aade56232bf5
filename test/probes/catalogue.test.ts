import assert from 'node:assert/strict';
import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from 'iced-x86';
import { catalogue, kernelInstructionCode, userInstructionCode } from '../../lib/probes/index.js';

/** As the titles spell it: Intel syntax, no spaces. */
function disassemble(code: readonly number[]): string {
  const decoder = new Decoder(64, Uint8Array.from(code), DecoderOptions.None);
  const formatter = new Formatter(FormatterSyntax.Intel);
  const instruction = decoder.decode();
  try {
    assert.equal(instruction.length, code.length, `${code.join(' ')} is more than one instruction`);
    return formatter.format(instruction).replaceAll(' ', '');
  } finally {
    instruction.free();
    formatter.free();
    decoder.free();
  }
}

describe('the catalogue of probes', () => {
  const probes = catalogue.flatMap((group) => group.probes);

  it('gives each probe an id of its own, and a title of its own in its group', () => {
    assert(probes.length > 100);
    assert.equal(new Set(probes.map(({ id }) => id)).size, probes.length);
    assert.equal(new Set(catalogue.map(({ id }) => id)).size, catalogue.length);
    assert.equal(new Set(catalogue.map(({ title }) => title)).size, catalogue.length);
    for (const group of catalogue) assert.equal(new Set(group.probes.map(({ title }) => title)).size, group.probes.length, group.title);
  });

  it('has ids that can stand in a file name and on a command line', () => {
    for (const { id } of probes) assert.match(id, /^[a-z0-9]+(?:-[a-z0-9]+)*$/);
  });

  for (const [privilege, codes] of [['CPL3', userInstructionCode], ['CPL0', kernelInstructionCode]] as const) {
    it(`runs at ${privilege} the very instructions that the titles name`, () => {
      assert(codes.size >= 10);
      for (const [id, code] of codes) {
        const title = probes.find((probe) => probe.id === id)?.title ?? '';
        // What follows the instruction says what state it meets.
        const [named] = title.replace(' (icebp)', '').split(/, (?!cr2|al|\[)/);
        assert.equal(named.replaceAll(' ', ''), disassemble(code), id);
      }
    });
  }
});

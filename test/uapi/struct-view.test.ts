import assert from 'node:assert/strict';
import fc from 'fast-check';
import { structLayout, StructView } from '../../lib/uapi/index.js';

const layout = structLayout('sample', 24, { byte: [1, 1], half: [2, 2], word: [4, 4], quad: [8, 8], last: [16, 8] });
type Field = keyof typeof layout.fields;

function sample(base = 0): StructView<Field> {
  return new StructView<Field>(layout, new DataView(new ArrayBuffer(base + layout.size)), base);
}

const widths: readonly (readonly [Field, bigint])[] = [
  ['byte', 8n],
  ['half', 16n],
  ['word', 32n],
  ['quad', 64n],
  ['last', 64n],
];

describe('StructView', () => {
  it('gives back every value that fits, by each accessor alike, and touches no other field', () => {
    fc.assert(
      fc.property(fc.constantFrom(...widths), fc.bigInt(0n, (1n << 64n) - 1n), fc.nat(40), ([field, bits], value, base) => {
        const view = sample(base);
        const fitting = BigInt.asUintN(Number(bits), value);
        view.set(field, value);
        assert.equal(view.get(field), fitting);
        if (fitting < 2n ** 53n) assert.equal(view.number(field), Number(fitting));
        if (bits >= 32n) assert.equal(view.low(field), Number(fitting & 0xffff_ffffn));
        if (bits === 64n) assert.equal(view.high(field), Number(fitting >> 32n));
        for (const [other] of widths) if (other !== field) assert.equal(view.get(other), 0n);
      }),
    );
  });

  it('writes safe integers exactly, also above 2^32', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 0x1f_ffff }), (low, high) => {
        const value = high * 2 ** 32 + low;
        const view = sample();
        view.setNumber('quad', value);
        assert.equal(view.number('quad'), value);
        assert.equal(view.get('quad'), BigInt(value));
      }),
    );
  });

  it('writes two halves in the order the kernel reads them', () => {
    const view = sample();
    view.setLowHigh('quad', 0xdead_beef, 0x8000_0001);
    assert.equal(view.get('quad'), 0x8000_0001_dead_beefn);
    assert.deepEqual([...view.bytes().subarray(8, 16)], [0xef, 0xbe, 0xad, 0xde, 0x01, 0x00, 0x00, 0x80]);
  });

  it('refuses numbers that would be written wrongly', () => {
    const view = sample();
    for (const wrong of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      assert.throws(() => {
        view.setNumber('quad', wrong);
      }, RangeError);
    }
  });

  it('refuses memory that is too short', () => {
    assert.throws(() => new StructView(layout, new DataView(new ArrayBuffer(23))), /sample is 24 bytes; 23 are there/);
    assert.throws(() => new StructView(layout, new DataView(new ArrayBuffer(30)), 8), RangeError);
    assert.throws(() => new StructView(layout, new DataView(new ArrayBuffer(30)), -1), RangeError);
  });

  it('shares its bytes with whoever passes them to an ioctl', () => {
    const view = sample(8);
    view.bytes()[1] = 7;
    assert.equal(view.number('byte'), 7);
    assert.equal(view.bytes().byteLength, 24);
  });
});

describe('structLayout', () => {
  it('refuses a field that ends past the structure', () => {
    assert.throws(() => structLayout('short', 8, { far: [4, 8] }), /short\.far/);
  });
});

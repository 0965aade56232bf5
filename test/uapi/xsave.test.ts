import assert from 'node:assert/strict';
import { XsaveView, type CpuidEntry } from '../../lib/uapi/index.js';

const subleaf = (index: number, eax: number, ebx: number): CpuidEntry => ({ function: 0xd, index, flags: 1, eax, ebx, ecx: 0, edx: 0 });
/** Where an Intel server has the parts; AMD has them elsewhere. */
const AVX512 = [subleaf(2, 256, 576), subleaf(5, 64, 1088), subleaf(6, 512, 1152), subleaf(7, 1024, 1664)];

describe('XsaveView', () => {
  it('finds each word of each vector register, all of them in different places', () => {
    const view = new XsaveView(AVX512);
    const words = new Int32Array(view.bytes.buffer);
    words.forEach((_, at) => (words[at] = at));
    const places = new Set<number>();
    for (let vector = 0; vector < 32; vector++) for (let at = 0; at < 16; at++) places.add(view.word(vector, at));
    assert.equal(places.size, 32 * 16);
    const place = (vector: number, at: number): number => 4 * view.word(vector, at);
    assert.deepEqual([place(0, 0), place(15, 3)], [160, 160 + 15 * 16 + 12]);
    assert.deepEqual([place(0, 4), place(15, 7)], [576, 576 + 15 * 16 + 12]);
    assert.deepEqual([place(0, 8), place(15, 15)], [1152, 1152 + 15 * 32 + 28]);
    assert.deepEqual([place(16, 0), place(31, 15)], [1664, 1664 + 15 * 64 + 60]);
    assert.deepEqual([4 * view.mask(0), 4 * view.mask(7)], [1088, 1088 + 56]);
  });

  it('reads words as signed and masks by their low half', () => {
    const view = new XsaveView(AVX512);
    const data = new DataView(view.bytes.buffer);
    data.setInt32(160, -5, true);
    data.setBigUint64(1088 + 8, 0x1234_5678_0000_8001n, true);
    assert.equal(view.word(0, 0), -5);
    assert.equal(view.mask(1), 0x8001);
  });

  it('reads registers that the CPU does not have as zero, and leaves the area alone whatever CPUID says', () => {
    const without = new XsaveView([]);
    without.bytes.fill(0xff);
    assert.deepEqual([without.word(3, 0), without.word(3, 4), without.word(3, 8), without.word(16, 0), without.mask(1)], [-1, 0, 0, 0, 0]);
    const beyond = new XsaveView([subleaf(2, 256, 4090), subleaf(7, 1024, 0xffff_fff0)]);
    beyond.bytes.fill(0xff);
    assert.deepEqual([beyond.word(0, 7), beyond.word(31, 15)], [0, 0]);
  });
});

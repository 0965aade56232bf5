import assert from 'node:assert/strict';
import { msiTo } from '../../lib/kvm/msi.js';

describe('msiTo', () => {
  it('puts the APIC id and the vector where the APIC looks for them', () => {
    assert.deepEqual(msiTo(0, 0xf3), { addressLow: 0xfee0_0000, addressHigh: 0, data: 0xf3 });
    assert.deepEqual(msiTo(254, 16), { addressLow: 0xfeef_e000, addressHigh: 0, data: 16 });
  });

  it('refuses an id that would be a broadcast or would not fit, and vectors an APIC refuses', () => {
    for (const id of [-1, 255, 256, 1.5, Number.NaN]) assert.throws(() => msiTo(id, 32), /APIC id/);
    for (const vector of [0, 15, 256, 32.5]) assert.throws(() => msiTo(0, vector), /interrupt vector/);
  });
});

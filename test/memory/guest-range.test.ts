import { strict as assert } from 'node:assert';
import { gpaNumber, gpaOfHva, guestRange } from '../../lib/memory/index.js';

describe('gpaOfHva', () => {
  const ranges = [
    guestRange(gpaNumber(0), { hva: 0x7000_0000_0000n, sizeBytes: 0x2000 }),
    guestRange(gpaNumber(0x1_0000_0000), { hva: 0x7000_0000_2000n, sizeBytes: 0x1000 }),
    guestRange(gpaNumber(0x1_0000_0000), { hva: 0x6fff_0000_0000n, sizeBytes: 0x1000 }),
  ];

  it('finds the guest memory behind a host address, to the byte, in each mapping of it', () => {
    assert.equal(gpaOfHva(ranges, 0x7000_0000_0000n), 0);
    assert.equal(gpaOfHva(ranges, 0x7000_0000_1fffn), 0x1fff);
    assert.equal(gpaOfHva(ranges, 0x7000_0000_2000n), 0x1_0000_0000);
    assert.equal(gpaOfHva(ranges, 0x6fff_0000_0fffn), 0x1_0000_0fff);
  });

  it('takes no other memory of the process for the guest\'s', () => {
    for (const hva of [0n, 0x6fff_ffff_ffffn, 0x7000_0000_3000n, 0x6fff_0000_1000n, (1n << 64n) - 1n]) assert.equal(gpaOfHva(ranges, hva), null);
    assert.equal(gpaOfHva([], 0x7000_0000_0000n), null);
  });
});

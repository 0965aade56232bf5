import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EINVAL, FaultLabError } from '../../../lib/errors/index.js';
import { APF_WAKE_ALL_TOKEN } from '../../../lib/uapi/index.js';
import {
  AsyncPfUserModel,
  checkedPage,
  checkedToken,
  checkUserfaultBitmapBytes,
  userfaultBitmapBytes,
  userfaultBitmapErrno,
} from '../../../lib/uapi/proposals/index.js';
import { BASE, enable, USER } from './scenario.js';

function coded(code: string): (error: unknown) => boolean {
  return (error) => error instanceof FaultLabError && error.code === code && (error.hint ?? '') !== '';
}

describe('checks of a userfault bitmap', () => {
  it('want a bit a page in whole words', () => {
    for (const [pages, bytes] of [[1, 8], [64, 8], [65, 16], [128, 16], [262_144, 32_768]] as const) assert.equal(userfaultBitmapBytes(pages), bytes);
  });

  it('refuse what KVM would read past, and take what is larger', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: -2, max: 2 }), (pages, words) => {
        const bytes = userfaultBitmapBytes(pages) + words * 8;
        if (words >= 0) checkUserfaultBitmapBytes(bytes, pages);
        else assert.throws(() => { checkUserfaultBitmapBytes(bytes, pages); }, coded('BITMAP_SIZE'));
        assert.throws(() => { checkUserfaultBitmapBytes(bytes + 4, pages); }, coded('BITMAP_SIZE'));
      }),
    );
    for (const bytes of [NaN, -8, 8.5]) assert.throws(() => { checkUserfaultBitmapBytes(bytes, 1); }, coded('BITMAP_SIZE'));
  });

  it('refuse addresses that are tagged or not wholly in user space', () => {
    assert.equal(userfaultBitmapErrno(0x7fff_0000_0000n, 512), 0);
    assert.equal(userfaultBitmapErrno(0n, 512), 0, 'whether anything is there shows at the fault');
    for (const address of [0xffff_8880_0000_0000n, 1n << 63n, (1n << 57n) | 0x7fff_0000_0000n, (1n << 56n) - 8n, -8n]) {
      assert.equal(userfaultBitmapErrno(address, 65), EINVAL, address.toString(16));
    }
  });
});

describe('checks of what names a fault', () => {
  const model = new AsyncPfUserModel({ vcpus: 2, pages: 4, baseGpa: BASE });
  enable(model);

  it('take the gpa of a page of the slot', () => {
    assert.equal(checkedPage(model, BASE + 3 * 4096), 3);
    for (const gpa of [BASE + 1, BASE + 4095, NaN, Infinity, 0.5]) assert.throws(() => checkedPage(model, gpa), coded('GPA_UNALIGNED'), String(gpa));
    for (const gpa of [BASE - 4096, BASE + 4 * 4096, 0, -4096]) assert.throws(() => checkedPage(model, gpa), coded('GPA_OUTSIDE'), String(gpa));
  });

  it('take a token that an exit of the vCPU carried', () => {
    model.fault(0, 2, 1, USER);
    const { token } = model;
    assert.equal(checkedToken(model, 0, token), 2);
    assert.throws(() => checkedToken(model, 1, token), coded('TOKEN_UNKNOWN'));
    enable(model, 0, { tellWakeAll: false });
    for (const none of [0, 1, token + 1, -1, NaN, 0.5, APF_WAKE_ALL_TOKEN]) assert.throws(() => checkedToken(model, 0, none), coded('TOKEN_UNKNOWN'), String(none));
  });
});

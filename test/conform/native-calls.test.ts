import assert from 'node:assert/strict';
import { asyncPfCall, userReadyCall, userfaultReadyCall } from '../../lib/conform/targets/native/native-calls.js';

/** Bytes in hex, without what is 0 at the end. */
function hex(argument: Uint8Array): string {
  return Buffer.from(argument).toString('hex').replace(/(00)+$/, '');
}

describe('requests of the native target', () => {
  it('are those of the proposals, byte by byte', () => {
    const accept = asyncPfCall({ gpa: 0x1_2345_6000, op: 1, flags: 0x0a0b, reserved: 7 });
    assert.deepEqual([accept.request, accept.argument.length, hex(accept.argument)], [0x4020aed6, 32, '006045230100000001000000' + '0b0a0000' + '07']);
    const ready = userReadyCall(0xffff_f001);
    assert.deepEqual([ready.request, ready.argument.length, hex(ready.argument)], [0x4004aed6, 4, '01f0ffff']);
    const gpa = userfaultReadyCall({ gpa: 0x20_0001, flags: 3 });
    assert.deepEqual([gpa.request, gpa.argument.length, hex(gpa.argument)], [0x4010aeda, 16, '0100200000000000' + '03']);
  });
});

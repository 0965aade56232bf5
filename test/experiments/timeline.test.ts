/** Timelines, and the machine code of the guests that write them. */
import assert from 'node:assert/strict';
import { mergeTimelines, renderTimeline } from '../../lib/experiments/frame/timeline.js';
import { Assembler } from '../../lib/experiments/machine-code/assembler.js';
import { clearLog, readRecords, RECORD_BYTES } from '../../lib/experiments/machine-code/event-log.js';

describe('timelines', () => {
  it('put the events of both sides in order, and keep the order of those at the same time', () => {
    const host = [{ tsc: 5n, side: 'host', what: 'a' }, { tsc: 2n ** 60n + 1n, side: 'host', what: 'd' }] as const;
    const guest = [{ tsc: 5n, side: 'guest', what: 'b' }, { tsc: 2n ** 60n, side: 'guest', what: 'c' }] as const;
    assert.deepEqual(mergeTimelines(host, guest).map(({ what }) => what), ['a', 'b', 'c', 'd']);
  });

  it('count from the first event, in microseconds and cycles', () => {
    const text = renderTimeline([{ tsc: 1000n, side: 'host', what: 'sends' }, { tsc: 3500n, side: 'guest', what: 'takes' }], { tscKhz: 2_500_000 });
    const [, first, second] = text.split('\n');
    assert.match(first, /^ +0\.0 +0 {2}host +sends$/);
    assert.match(second, /^ +1\.0 +2500 {2}guest +takes$/);
    assert.equal(renderTimeline([], { tscKhz: 1 }), '');
  });
});

describe('the log of a guest', () => {
  const place = { start: 0x100, end: 0x100 + 3 * RECORD_BYTES, tail: 0x80 };

  it('is read as far as it goes, whatever the guest says', () => {
    const data = new DataView(new ArrayBuffer(0x400));
    clearLog(data, place);
    assert.deepEqual(readRecords(data, place), []);
    data.setUint32(0x100, 7, true);
    data.setBigUint64(0x108, 99n, true);
    data.setBigUint64(0x110, 0x1000n, true);
    data.setBigUint64(0x80, 0x120n, true);
    assert.deepEqual(readRecords(data, place), [{ kind: 7, tsc: 99n, value: 0x1000 }]);
    for (const [tail, records] of [[2n ** 64n - 1n, 3], [0n, 0], [0x121n, 1], [0x400n, 3]] as const) {
      data.setBigUint64(0x80, tail, true);
      assert.equal(readRecords(data, place).length, records, `${tail}`);
    }
  });
});

describe('the assembler', () => {
  it('gives each label the address that jumps have', () => {
    const code = new Assembler().jump('end').label('middle').hlt().label('end').jump('middle', 'notEqual').ret();
    const { bytes, addressOf } = code.assemble(0x9000, 64);
    // jmp +1; hlt; jne -3; ret
    assert.equal(Buffer.from(bytes).toString('hex'), 'eb01f475fdc3');
    assert.deepEqual([addressOf('middle'), addressOf('end')], [0x9002, 0x9003]);
    assert.throws(() => addressOf('nowhere'), RangeError);
  });

  it('encodes memory by address and by register', () => {
    const { bytes } = new Assembler().load32('rsi', 0xd004).store({ base: 'rsp', offset: 40 }, 'rax').storeConstant32(0xc040, 0).assemble(0, 64);
    // mov esi,[0xd004]; mov [rsp+40],rax; mov dword [0xc040],0
    assert.equal(Buffer.from(bytes).toString('hex'), '8b342504d00000' + '4889442428' + 'c7042540c0000000000000');
  });

  it('refuses a label that is nowhere or in two places, and code without room', () => {
    assert.throws(() => new Assembler().jump('x').assemble(0, 64), /label x stands for no place/);
    assert.throws(() => new Assembler().label('x').hlt().label('x'), /two places/);
    assert.throws(() => new Assembler().label('x').label('y'), /another one/);
    assert.throws(() => new Assembler().hlt().hlt().assemble(0, 1), /do not fit/);
  });
});

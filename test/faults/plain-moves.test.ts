import { strict as assert } from 'node:assert';
import { decodeInstruction } from '../../lib/faults/index.js';
import { decodePlainMove } from '../../lib/faults/plain-moves.js';

const RIP = 0x7fff_ffff_f123n;
const MOVES = [[0x88], [0x89], [0x8a], [0x8b], [0xc6], [0xc7], [0x0f, 0xb6], [0x0f, 0xb7], [0x0f, 0xbe], [0x0f, 0xbf]];
const REXES = [[], ...Array.from({ length: 16 }, (_, at) => [0x40 + at])];

/** Numbers of no pattern, the same in each run (xorshift). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Says what iced-x86 says, or nothing. */
function compare(bytes: Uint8Array): boolean {
  const plain = decodePlainMove(bytes, RIP);
  if (plain === null) return false;
  const whole = decodeInstruction(bytes, RIP);
  const shown = Buffer.from(bytes).toString('hex');
  assert.ok(whole !== null, `${shown} is no instruction`);
  assert.deepEqual(plain, { lengthBytes: whole.lengthBytes, operands: whole.operands }, `${shown}: ${whole.text}`);
  return true;
}

describe('plain moves', () => {
  it('are what iced-x86 takes them for, in every form', function () {
    this.timeout(120_000);
    const next = numbers(1);
    let count = 0;
    for (const prefix of [[], [0x66]]) {
      for (const rex of REXES) {
        for (const opcode of MOVES) {
          for (let modRm = 0; modRm < 0xc0; modRm++) {
            const rest = Array.from({ length: 9 }, () => next() & 0xff);
            const isOpcode = opcode[0] < 0xc0 || (modRm & 0x38) === 0;
            const bytes = Uint8Array.from([...prefix, ...rex, ...opcode, modRm, ...rest]);
            assert.equal(compare(bytes), isOpcode, Buffer.from(bytes).toString('hex'));
            count++;
          }
        }
      }
    }
    assert.equal(count, 2 * 17 * 10 * 192);
  });

  it('are nothing else, whatever the bytes are', function () {
    this.timeout(120_000);
    const next = numbers(2);
    let plain = 0;
    for (let at = 0; at < 100_000; at++) if (compare(Uint8Array.from({ length: 15 }, () => next() >>> 24))) plain++;
    assert.ok(plain > 0 && plain < 20_000, `${plain} of them`);
  });

  it('are none before their last byte is there, and no register is memory', () => {
    // mov qword ptr [rax+rcx*4+0x11223344], 0x55667788
    const bytes = Uint8Array.of(0x48, 0xc7, 0x84, 0x88, 0x44, 0x33, 0x22, 0x11, 0x88, 0x77, 0x66, 0x55);
    assert.equal(decodePlainMove(bytes, RIP)?.lengthBytes, bytes.length);
    for (let length = 0; length < bytes.length; length++) assert.equal(decodePlainMove(bytes.subarray(0, length), RIP), null, `${length} bytes`);
    assert.equal(decodePlainMove(Uint8Array.of(0x48, 0x8b, 0xc1), RIP), null);
  });
});

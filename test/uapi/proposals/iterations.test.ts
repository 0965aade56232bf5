import assert from 'node:assert/strict';
import { EINVAL, ENOENT, FaultLabError } from '../../../lib/errors/index.js';
import { identifyIteration, requireCurrentIteration, type IterationObservation } from '../../../lib/uapi/proposals/index.js';

/** What a probe sees of each iteration when it looks at everything. */
const whole: Readonly<Record<string, IterationObservation>> = {
  i0: { hasCapability: true, requestBytes: 16, eventfdBytes: 0, exitFlags: 0xb0 },
  i1: { hasCapability: true, requestBytes: 0, kernelPage: false, exitFlags: 0x70 },
  i2: { hasEventfdCapability: true, requestBytes: 32, op0Errno: ENOENT, op1Errno: ENOENT, op2Errno: ENOENT, eventfdBytes: 24, ringEntries: 32, kernelPage: false },
  i3: { hasEventfdCapability: true, requestBytes: 32, op0Errno: ENOENT, op1Errno: ENOENT, op2Errno: EINVAL, eventfdBytes: 24, ringEntries: 32, kernelPage: false },
  i4: {
    hasEventfdCapability: true,
    requestBytes: 32,
    op0Errno: EINVAL,
    op1Errno: ENOENT,
    op2Errno: ENOENT,
    eventfdBytes: 32,
    ringEntries: 64,
    kernelPage: true,
    sharedVersion: 1,
    exitFlags: 0x30,
  },
};

function refusal(observation: IterationObservation): FaultLabError | null {
  try {
    requireCurrentIteration(identifyIteration(observation));
    return null;
  } catch (error) {
    assert.ok(error instanceof FaultLabError);
    return error;
  }
}

describe('iterations of the 2026 design', () => {
  for (const [iteration, observation] of Object.entries(whole)) {
    it(`${iteration} is told from what a probe sees`, () => {
      assert.equal(identifyIteration(observation).iteration, iteration);
    });
  }

  it('i2 and i3 differ in operation 2 alone', () => {
    const { iteration, candidates } = identifyIteration({ requestBytes: 32, op0Errno: ENOENT, op1Errno: ENOENT, eventfdBytes: 24, ringEntries: 32 });
    assert.deepEqual([iteration, candidates], ['unknown', ['i2', 'i3']]);
  });

  it('operation 0, 24 bytes and 32 entries each rule i4 out', () => {
    for (const trait of [{ op0Errno: ENOENT }, { op0Errno: 0 }, { eventfdBytes: 24 }, { ringEntries: 32 }, { kernelPage: false }]) {
      assert.ok(!identifyIteration(trait).candidates.includes('i4'), JSON.stringify(trait));
    }
  });

  it('a mixture is none of them', () => {
    const { iteration, candidates, evidence } = identifyIteration({ ...whole.i4, ringEntries: 32 });
    assert.deepEqual([iteration, candidates], ['unknown', []]);
    assert.ok(evidence.some((line) => line.includes('32 entries')));
  });

  it('nothing seen, and things never seen, are unknown', () => {
    assert.equal(identifyIteration({}).iteration, 'unknown');
    for (const odd of [{ requestBytes: 40 }, { eventfdBytes: 40 }, { ringEntries: 128 }, { sharedVersion: 2 }, { hasCapability: false }]) {
      assert.deepEqual(identifyIteration(odd).candidates, [], JSON.stringify(odd));
    }
  });

  it('all but i4 are refused by name', () => {
    assert.equal(refusal(whole.i4), null);
    for (const iteration of ['i0', 'i1', 'i2', 'i3']) {
      const error = refusal(whole[iteration]);
      assert.equal(error?.code, 'UAPI_ITERATION');
      assert.match(error.message, new RegExp(`iteration ${iteration} `));
    }
    assert.match(refusal({})?.message ?? '', /not known/);
  });
});

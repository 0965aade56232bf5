import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { DECLARABLE_CAUSES, reflectDeclared, type LossFacts, type RecoverableMemory } from '../../lib/loss/index.js';

const SIZE = 0x10000;

const facts: fc.Arbitrary<LossFacts> = fc.record({
  access: fc.constantFrom('load', 'store', 'read-modify-write', 'fetch'),
  cause: fc.constantFrom('truncated', 'io-error', 'protection', 'poison', 'unknown'),
  cpl: fc.constantFrom(0, 3),
  offset: fc.nat({ max: SIZE }),
  refusal: fc.option(fc.constant('its busy word is set')),
});
const declarations: fc.Arbitrary<RecoverableMemory[]> = fc.array(
  fc.record({ offset: fc.nat({ max: SIZE }), lengthBytes: fc.nat({ max: SIZE }), causes: fc.subarray([...DECLARABLE_CAUSES]), kernel: fc.boolean(), comesBack: fc.boolean() }),
  { maxLength: 4 },
);
const covers = ({ offset, lengthBytes, causes }: RecoverableMemory, loss: LossFacts): boolean =>
  loss.offset >= offset && loss.offset - offset < lengthBytes && (causes as readonly string[]).includes(loss.cause);

describe('the policy reflectDeclared', () => {
  const all: RecoverableMemory = { offset: 0, lengthBytes: SIZE, causes: DECLARABLE_CAUSES, kernel: true, comesBack: false };
  const loss: LossFacts = { access: 'load', cause: 'truncated', cpl: 3, offset: 5, refusal: null };

  it('tells nothing that no owner declared', () => {
    fc.assert(
      fc.property(facts, declarations, (lost, declared) => {
        const reflection = reflectDeclared(lost, declared);
        if (reflection.kind === 'reflect') assert(declared.some((memory) => covers(memory, lost)));
        if (reflection.kind === 'end') assert.notEqual(reflection.why, '');
      }),
    );
  });

  it('tells what was declared, unless it cannot be told', () => {
    fc.assert(
      fc.property(facts, (lost) => {
        fc.pre(covers(all, lost) && lost.refusal === null);
        assert.equal(reflectDeclared(lost, [all]).kind, 'reflect');
      }),
    );
  });

  it('never tells what the host did itself, nor what nobody knows the reason of', () => {
    fc.assert(
      fc.property(facts, declarations, (lost, declared) => {
        for (const cause of ['protection', 'unknown'] as const) assert.equal(reflectDeclared({ ...lost, cause }, [...declared, all]).kind, 'end');
      }),
    );
  });

  it('tells the guest\'s kernel nothing that was declared for tasks alone', () => {
    fc.assert(
      fc.property(facts, declarations, (lost, declared) => {
        const forTasks = declared.map((memory) => ({ ...memory, kernel: false }));
        assert.equal(reflectDeclared({ ...lost, cpl: 0 }, forTasks).kind, 'end');
      }),
    );
  });

  it('makes a machine check of loads from poisoned memory, and of nothing else', () => {
    fc.assert(
      fc.property(facts, declarations, (lost, declared) => {
        const reflection = reflectDeclared(lost, declared);
        if (reflection.kind === 'reflect') assert.equal(reflection.as === 'mce', lost.cause === 'poison' && lost.access === 'load');
      }),
    );
  });

  it('calls recoverable what its owner says comes back', () => {
    assert.deepEqual(reflectDeclared(loss, [{ ...all, comesBack: true }]), { kind: 'reflect', as: 've', recoverable: true });
    assert.deepEqual(reflectDeclared(loss, [all]), { kind: 'reflect', as: 've', recoverable: false });
    assert.deepEqual(reflectDeclared(loss, [{ ...all, offset: 6 }]), { kind: 'end', why: 'nobody declared this memory recoverable from that' });
  });
});

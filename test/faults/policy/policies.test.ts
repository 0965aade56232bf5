import { strict as assert } from 'node:assert';
import { FixedPolicy, LatencyPolicy, POLICY_MEMORY_BYTES, PageState, Resolution, StatePolicy, builtInPolicy, loadFaultPolicy, type FaultFacts } from '../../../lib/faults/index.js';

const fault = (changes: Partial<FaultFacts> = {}): FaultFacts => ({ page: 0, pageClass: 0, state: PageState.MISSING, vcpu: 0, told: false, ...changes });
const memory = (): SharedArrayBuffer => new SharedArrayBuffer(POLICY_MEMORY_BYTES);

describe('policies', () => {
  it('the fixed ones answer the same whatever the fault is', () => {
    assert.equal(new FixedPolicy(Resolution.SYNC).decide(), Resolution.SYNC);
    assert.equal(new FixedPolicy(Resolution.ASYNC).decide(), Resolution.ASYNC);
  });

  it('by state: only what nobody has asked for is left to the guest', () => {
    const policy = new StatePolicy();
    assert.equal(policy.decide(fault()), Resolution.ASYNC);
    for (const state of [PageState.REQUESTED, PageState.PRESENT, PageState.POISONED]) assert.equal(policy.decide(fault({ state })), Resolution.SYNC);
  });

  it('by latency: a class of which nothing is known is left to the guest; each class has a mean of its own', () => {
    const policy = new LatencyPolicy({ thresholdNs: 1000 }, memory());
    assert.equal(policy.decide(fault()), Resolution.ASYNC);
    policy.observe(0, 1, 100);
    assert.equal(policy.decide(fault({ pageClass: 1 })), Resolution.SYNC);
    assert.equal(policy.decide(fault({ pageClass: 0 })), Resolution.ASYNC);
    assert.equal(policy.expectedNs(1), 100);
    policy.observe(0, 1, 900);
    assert.equal(policy.expectedNs(1), 200, 'a new sample weighs an eighth');
  });

  it('by latency: changes its mind when pages become slow or quick, but not within a quarter above the threshold', () => {
    const policy = new LatencyPolicy({ thresholdNs: 1000 }, memory());
    policy.observe(0, 0, 500);
    const quick = policy.revision;
    for (let i = 0; i < 100; i++) policy.observe(0, 0, 1200);
    assert.equal(policy.decide(fault()), Resolution.SYNC, 'flapped');
    assert.equal(policy.revision, quick);
    for (let i = 0; i < 100; i++) policy.observe(0, 0, 2000);
    assert.equal(policy.decide(fault()), Resolution.ASYNC);
    assert.notEqual(policy.revision, quick);
    for (let i = 0; i < 100; i++) policy.observe(0, 0, 900);
    assert.equal(policy.decide(fault()), Resolution.SYNC);
  });

  it('by latency: what one instance learns another knows, and classes beyond the last share it', () => {
    const shared = memory();
    const resolver = new LatencyPolicy({ thresholdNs: 1000 }, shared);
    const vcpu = new LatencyPolicy({ thresholdNs: 1000 }, shared);
    resolver.observe(0, 99, 10);
    assert.equal(vcpu.decide(fault({ pageClass: 15 })), Resolution.SYNC);
    assert.equal(vcpu.decide(fault({ pageClass: 14 })), Resolution.ASYNC);
  });

  it('are opened by name, and refused by name', async () => {
    assert((await loadFaultPolicy(builtInPolicy({ name: 'state' }), memory())) instanceof StatePolicy);
    await assert.rejects(loadFaultPolicy(builtInPolicy({ name: 'sometimes' as 'state' }), memory()), { code: 'BAD_OPTION' });
    await assert.rejects(loadFaultPolicy({ module: 'node:path', options: null }, memory()), { code: 'POLICY_UNUSABLE', message: /does not export openFaultPolicy/ });
    await assert.rejects(loadFaultPolicy({ module: 'file:///nowhere/policy.mjs', options: null }, memory()), { code: 'POLICY_UNUSABLE' });
  });

  it('that throw when they are opened have failed; what they return must be able to decide', async () => {
    const module = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`;
    const open = (text: string): Promise<unknown> => loadFaultPolicy({ module: module(text), options: null }, memory());
    await assert.rejects(open("export function openFaultPolicy() { throw new Error('no luck'); }"), { code: 'POLICY_FAILED', message: /no luck/ });
    await assert.rejects(open('export function openFaultPolicy( {'), { code: 'POLICY_UNUSABLE' });
    for (const none of ['undefined', 'null', '{}', '{ decide: 3 }']) await assert.rejects(open(`export const openFaultPolicy = () => (${none});`), { code: 'POLICY_UNUSABLE' });
  });
});

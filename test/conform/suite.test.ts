import assert from 'node:assert/strict';
import { release } from 'node:os';
import { CaseFailure, EmulatedTarget, NativeTarget, casesOf, chooseTarget, ktapHeader, ktapResult, loadProfile, planCases, runCase, type CaseResult, type ConformanceCase } from '../../lib/conform/index.js';
import { FaultLabError } from '../../lib/errors/index.js';
import { Kvm, probeUapi } from '../../lib/kvm/index.js';
import { UAPI_NAMES, UAPI_PROFILES, type UapiName, type UapiRule } from '../../lib/uapi/proposals/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';
import { patience } from '../support/slowness.js';

/** What a host may lack; every other skip is a case that was forgotten. */
const REASONS = /^(nothing outside KVM shows it: |KVM emulates the guest's CPL0 |this kernel has no |the emulation makes pages missing in host memory|there is no python3 |the call would keep this thread)/;

/**
 * In which the lab's own kernel is known to differ (docs/LAB-KERNEL.md): it says where memory is missing, which a stock kernel does not, and its slots with
 * guest_memfd cannot be intercepted.
 */
const LAB_KERNEL_DEVIATIONS = ['st-20', 'uf-20'];

describe('conformance cases', () => {
  for (const name of UAPI_NAMES) {
    it(`of ${name}: one for each rule that shows, and none without a rule`, () => {
      const shown = UAPI_PROFILES[name].rules.filter(({ observable }) => observable !== 'kernel-only').map(({ id }) => id);
      const cases = casesOf(name).map(({ rule }) => rule);
      assert.deepEqual([...cases].sort(), [...shown].sort());
    });
  }

  it('are chosen by id, and an id that no rule has is refused', () => {
    assert.deepEqual(planCases(UAPI_PROFILES.userfault, ['uf-07', 'uf-02']).map(({ rule }) => rule.id), ['uf-02', 'uf-07']);
    assert.throws(() => planCases(UAPI_PROFILES.userfault, ['uf-02', 'u26-01']), { code: 'BAD_OPTION' });
  });
});

describe('the conformance suite on this host', function () {
  this.timeout(patience(60_000));
  let opened: Kvm | undefined;
  let kvm: Kvm;
  before(function () {
    requireKvm(this);
    kvm = Kvm.open();
    opened = kvm;
  });
  after(() => {
    opened?.close();
  });

  async function runAll(name: UapiName, kind: 'native' | 'emulated'): Promise<CaseResult[]> {
    const loaded = loadProfile(name);
    const target = kind === 'native' ? new NativeTarget(kvm, loaded) : new EmulatedTarget(kvm, loaded);
    try {
      const results: CaseResult[] = [];
      for (const planned of planCases(loaded.profile)) results.push(await runCase(planned, target, loaded.profile));
      return results;
    } finally {
      await target.close();
    }
  }

  function assertConforms(results: readonly CaseResult[], deviations: readonly string[] = []): void {
    const failed = results.filter(({ rule, outcome }) => outcome === 'not ok' && !deviations.includes(rule.id)).map(({ rule, diagnostics }) => [rule.id, ...diagnostics].join('\n  '));
    assert.deepEqual(failed, []);
    for (const { rule, outcome, reason } of results) if (outcome === 'skip') assert.match(reason ?? '', REASONS, rule.id);
    assert.ok(results.some(({ outcome }) => outcome === 'ok'));
  }

  for (const name of UAPI_NAMES) {
    it(`passes for ${name} against the emulation`, async () => {
      assertConforms(await runAll(name, 'emulated'));
    });

    it(`passes for ${name} against the kernel itself, where it has it`, async function () {
      const { native, why } = probeUapi(kvm, UAPI_PROFILES[name]);
      if (!native) skip(this, why, { hostCannot: true });
      assertConforms(await runAll(name, 'native'), /faultlab/.test(release()) ? LAB_KERNEL_DEVIATIONS : []);
    });
  }

  it('refuses the native target on a kernel without the proposal, and says what was found', function () {
    const loaded = loadProfile('async-pf-userfault-2026');
    if (probeUapi(kvm, loaded.profile).native) skip(this, 'this kernel has the design of 2026', { hostCannot: true });
    assert.throws(
      () => chooseTarget(kvm, loaded, 'native'),
      (error) => error instanceof FaultLabError && error.code === 'UAPI_ABSENT',
    );
    const chosen = chooseTarget(kvm, loaded, 'auto');
    assert.equal(chosen.target.kind, 'emulated');
    assert.notEqual(chosen.why, '');
  });

  it('turns whatever a case throws into a failure with diagnostics, and closes its VMs', async () => {
    const loaded = loadProfile('userfault');
    const target = new EmulatedTarget(kvm, loaded);
    const [rule] = loaded.profile.rules;
    const attempt = async (run: ConformanceCase['run']): Promise<CaseResult> => runCase({ rule, case: { rule: rule.id, run } }, target, loaded.profile);
    try {
      const wrong = await attempt((context) => {
        const vm = context.vm();
        vm.fill(0, 1);
        vm.vcpus[0].guest.begin({ kind: 'load', page: 0 });
        context.note('a step');
        context.expect('the guest reads', vm.vcpus[0].guest.run(), { kind: 'done', value: 2 });
      });
      assert.deepEqual([wrong.outcome, ...wrong.diagnostics], ['not ok', 'a step', 'the guest reads', 'expected: value 2', 'found: the access was made (value 0x1)']);
      const thrown = await attempt(() => {
        throw new RangeError('no such thing');
      });
      assert.equal(thrown.outcome, 'not ok');
      assert.match(thrown.diagnostics.join(' '), /no such thing/i);
      assert.deepEqual(
        [await attempt((context) => context.skip('not here'))].map(({ outcome, reason }) => [outcome, reason]),
        [['skip', 'not here']],
      );
      assert.ok(new CaseFailure(['x']) instanceof Error);
    } finally {
      await target.close();
    }
  });
});

describe('KTAP of the conformance suite', () => {
  const rule: UapiRule = { id: 'xx-01', sentence: 'The guest takes #PF.', source: 'nobody', observable: 'guest' };
  const result = (more: Partial<CaseResult>): CaseResult => ({ rule, outcome: 'ok', diagnostics: [], durationMs: 1, ...more });

  it('begins with its version, and says what is tried and how much of it', () => {
    assert.deepEqual(ktapHeader(['native'], 3), ['KTAP version 1', '# native', '1..3']);
  });

  it('has no number sign in a description: it would begin a directive', () => {
    assert.deepEqual(ktapResult(1, result({})), ['ok 1 xx-01 The guest takes PF.']);
    assert.deepEqual(ktapResult(2, result({ outcome: 'skip', reason: 'no #PF here' })), ['ok 2 xx-01 The guest takes PF. # SKIP no PF here']);
  });

  it('says what went wrong in lines before the result', () => {
    assert.deepEqual(ktapResult(7, result({ outcome: 'not ok', diagnostics: ['done', 'two\nlines'] })), ['# done', '# two', '# lines', 'not ok 7 xx-01 The guest takes PF.']);
  });
});

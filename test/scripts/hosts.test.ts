import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../../', import.meta.url);
const VERDICTS = new URL('scripts/hosts/verdicts.js', ROOT).href;

interface SideBySide {
  readonly rows: readonly (readonly string[])[];
  readonly differences: readonly string[];
  readonly faults: readonly string[];
}

/** As `dist/hosts/NAME/bench.json` has it, as far as verdicts go. */
function bench(kind: string, { exact = true, agree = true, end = 'done' } = {}): object {
  return {
    host: { kind, kernelRelease: '6.12.0', emulated: kind === 'SVM' },
    parameters: { pages: 300 },
    modes: [{ mode: 'sync-exit', end, integrity: { exact }, events: { checks: [{ agree }] } }],
    passed: exact && agree && end === 'done',
  };
}

function test(title: string, verdict: string, reason?: string): object {
  return { file: 'a.test.js', title, verdict, durationMs: 1, ...(reason === undefined ? {} : { reason }) };
}

function host(name: string, tests: readonly object[] | null, report: object | null = bench('SVM')): object {
  const count = (verdict: string): number => (tests ?? []).filter((one) => 'verdict' in one && one.verdict === verdict).length;
  const failed = count('failed');
  return {
    name,
    title: `host ${name}`,
    tests: tests === null ? null : { recordVersion: 1, passed: count('passed'), failed, skipped: count('skipped'), onKvm: 1, kvmFiles: ['a.test.js'], tests },
    testsEnding: tests === null || failed > 0 ? 'ended with 1' : null,
    testsSeconds: 1,
    testsLog: '',
    bench: report,
    benchAsked: true,
    benchEnding: null,
    benchLog: '',
  };
}

describe('hosts side by side', () => {
  let sideBySide: (hosts: readonly object[], files?: ReadonlySet<string>) => SideBySide;
  let hostFiles: (tests: object, leftOut?: readonly string[]) => readonly string[];

  before(async () => {
    ({ sideBySide, hostFiles } = (await import(VERDICTS)) as { sideBySide: typeof sideBySide; hostFiles: typeof hostFiles });
  });

  it('finds no fault where all passed, and lists a test that one host skipped, with the reason', () => {
    const { rows, differences, faults } = sideBySide([
      host('here', [test('x', 'passed'), test('y', 'skipped', 'no memory failure here')], bench('PVM')),
      host('own', [test('x', 'passed'), test('y', 'passed')]),
    ]);
    assert.deepEqual(faults, []);
    assert.deepEqual(rows[0], ['', 'PVM 6.12.0', 'SVM 6.12.0 (emulated)']);
    assert.deepEqual(rows.at(-1), ['bench: sync-exit', 'intact, counts agree', 'intact, counts agree']);
    assert.deepEqual(differences, ['a.test.js y', '  here: skipped: no memory failure here', '  own: passed']);
  });

  it('calls a test that did not run on one host a difference', () => {
    const { differences } = sideBySide([host('here', [test('x', 'passed')]), host('own', [])]);
    assert.deepEqual(differences, ['a.test.js x', '  here: passed', '  own: not run']);
  });

  for (const [what, report] of [
    ['corrupt pages', bench('SVM', { exact: false })],
    ['counts that disagree', bench('SVM', { agree: false })],
    ['a bench that was stopped', bench('SVM', { end: 'stopped' })],
  ] as const) {
    it(`finds ${what} on one host, twice: as its own fault and as a disagreement`, () => {
      const { faults } = sideBySide([host('here', [test('x', 'passed')]), host('own', [test('x', 'passed')], report)]);
      assert.deepEqual(faults, ['host own: the bench did not pass (although it ended well)', 'bench sync-exit: the hosts disagree']);
    });
  }

  it('finds failed tests, runs without a record, without KVM, and a bench without a report', () => {
    const { faults } = sideBySide([host('a', [test('x', 'failed')]), host('b', null), { ...host('c', []), tests: { recordVersion: 1, passed: 0, failed: 0, skipped: 0, onKvm: 0, kvmFiles: [], tests: [] } }, host('d', [], null)]);
    assert.deepEqual(faults.slice(0, 4), [
      'host a: 1 tests failed (ended with 1)',
      'host b: the tests left no record (ended with 1)',
      'host c: no test used KVM',
      'host d: the bench left no report (although it ended well)',
    ]);
  });

  it('does not compare tests of files that were left out', () => {
    const hosts = [host('here', [test('x', 'passed')]), host('own', [])];
    assert.equal(sideBySide(hosts, new Set(['a.test.js'])).differences.length, 3);
    assert.deepEqual(sideBySide(hosts, new Set(['b.test.js'])).differences, []);
  });

  it('has emulated hosts run what used KVM here and what could not run here, and spares them the rest', () => {
    const tests = [
      { file: 'kvm.test.js', title: 'x', verdict: 'passed' },
      { file: 'only-there.test.js', title: 'y', verdict: 'skipped', hostCannot: true },
      { file: 'pure.test.js', title: 'z', verdict: 'passed' },
      { file: 'uninstalled.test.js', title: 'z', verdict: 'skipped', hostCannot: false },
    ];
    assert.deepEqual(hostFiles({ kvmFiles: ['kvm.test.js'], tests }), ['kvm.test.js', 'only-there.test.js']);
    assert.deepEqual(hostFiles({ kvmFiles: ['kvm.test.js', 'loss/a.test.js', 'lossy.test.js'], tests }, ['loss', 'kvm.test.js']), ['lossy.test.js', 'only-there.test.js']);
  });

  it('lists a test that failed everywhere', () => {
    const { differences } = sideBySide([host('here', [test('x', 'failed', 'why')]), host('own', [test('x', 'failed', 'why')])]);
    assert.deepEqual(differences, ['a.test.js x', '  here: failed: why', '  own: failed: why']);
  });

  for (const args of [['--only', 'nowhere'], ['--only', 'own', '--reuse', 'here'], ['--pages', 'many'], ['--what']]) {
    it(`refuses ${args.join(' ')} before it runs anything`, () => {
      const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL('scripts/hosts/main.js', ROOT)), ...args], { encoding: 'utf8', timeout: 30_000 });
      assert.equal(status, 64, stderr);
      assert.match(stderr, /^hosts: .*\n\nusage:/);
    });
  }
});

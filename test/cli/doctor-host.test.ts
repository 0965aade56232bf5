import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { examine, render, runDoctor, type DoctorOutput, type DoctorReport } from '../../lib/cli/doctor/index.js';
import { observeHost } from '../../lib/cli/doctor/observations.js';
import { nativeAddon } from '../../lib/native/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';

const DOCTOR = new URL('../../lib/cli/doctor/index.js', import.meta.url).href;

/** Runs the doctor in a process of its own. */
function doctorProcess(environment: NodeJS.ProcessEnv, options = ''): { status: number | null; stdout: string; stderr: string } {
  const script = `const { runDoctor } = await import(${JSON.stringify(DOCTOR)}); process.exitCode = await runDoctor(${options});`;
  return spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8', timeout: patience(30_000), env: { ...process.env, ...environment } });
}

class Collected implements DoctorOutput {
  text = '';
  constructor(readonly isTTY = false) {}
  write(text: string): void {
    this.text += text;
  }
}

describe('doctor without what it looks for', () => {
  it('runs without the addon: says what to do, exits with 1 and prints no stack', () => {
    const { status, stdout, stderr } = doctorProcess({ KVM_FAULTLAB_ADDON: '/nowhere/at-all.node' });
    assert.equal(status, 1, stderr);
    assert.equal(stderr, '');
    assert.match(stdout, /^missing +native addon +ADDON_NOT_BUILT/m);
    assert.match(stdout, /npm run build:native/);
    assert.match(stdout, /^cannot +sync-uffd +the native addon is not built/m);
  });

  it('has no facts without the addon: says why of each, and in a table once for each group', () => {
    const { status, stdout, stderr } = doctorProcess({ KVM_FAULTLAB_ADDON: '/nowhere/at-all.node' }, '{ json: true }');
    assert.equal(status, 1, stderr);
    const report = JSON.parse(stdout) as DoctorReport;
    const { facts = [] } = report;
    assert(facts.length > 100);
    for (const fact of facts) assert('cannot' in fact && fact.cannot.endsWith('[ADDON_NOT_BUILT]'), JSON.stringify(fact));
    const text = render(report, { colors: false, width: 120 });
    assert.match(text, /^What CPL3 may do\ncannot tell: .*\[ADDON_NOT_BUILT\]$/m);
    assert.equal(text.match(/cannot tell/g)?.length, new Set(facts.map(({ group }) => group)).size);
  });

  it('runs without /dev/kvm: names it, and leaves no handle open', () => {
    const before = nativeAddon().liveHandles();
    const report = examine(observeHost('/dev/there-is-no-such-device'));
    const device = report.checks.find(({ id }) => id === 'dev-kvm');
    assert.deepEqual([device?.status, device?.found], ['missing', 'KVM_ENOENT']);
    assert.ok(report.modes.every(({ status }) => status === 'cannot'));
    assert.deepEqual(nativeAddon().liveHandles(), before);
  });
});

describe('doctor on this host', () => {
  before(function () {
    requireKvm(this);
  });

  it('prints JSON that is the report, and exits with 1 only if a mode cannot run', () => {
    const { status, stdout } = doctorProcess({}, '{ json: true }');
    const report = JSON.parse(stdout) as DoctorReport;
    assert.deepEqual(
      report.modes.map(({ mode }) => mode),
      ['sync-uffd', 'sync-exit', 'apf-kernel', 'apf-user'],
    );
    assert.equal(status, report.modes.some((verdict) => verdict.status === 'cannot') ? 1 : 0);
    assert.equal(report.checks.find(({ id }) => id === 'kvm-api')?.found, 'version 12');
    assert(report.facts?.some((fact) => fact.id === 'cpl3-ud2' && 'answer' in fact && fact.answer === '#UD'), 'no facts in it');
  });

  it('leaves no handle open and colours only a terminal', async () => {
    const before = nativeAddon().liveHandles();
    const report = examine();
    assert.deepEqual(nativeAddon().liveHandles(), before);
    const [plain, terminal] = [new Collected(), new Collected(true)];
    const codes = await Promise.all([runDoctor({ report, output: plain }), runDoctor({ report, output: terminal })]);
    assert.equal(codes[0], codes[1]);
    assert.ok(!plain.text.includes('\u001b'));
    assert.equal(terminal.text.includes('\u001b'), process.env['NO_COLOR'] === undefined);
  });
});

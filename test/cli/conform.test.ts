import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConformReport } from '../../lib/conform/index.js';
import { UAPI_PROFILES } from '../../lib/uapi/proposals/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { cli } from './run-cli.js';

describe('kvm-faultlab conform', () => {
  it('lists every rule of a profile without a kernel to try', () => {
    const { code, stdout } = cli(['conform', '--uapi', 'sync-async-2bit', '--list']);
    assert.equal(code, 0);
    assert.deepEqual(stdout.trimEnd().split('\n').map((line) => line.split(' ')[0]), UAPI_PROFILES['sync-async-2bit'].rules.map(({ id }) => id));
  });

  it('says in its help what the exit codes are', () => {
    const { code, stdout } = cli(['conform', '--help']);
    assert.equal(code, 0);
    assert.match(stdout, /Exit codes: 0 no case failed, 1 a case failed, 2 wrong use, 3 this host cannot/);
  });

  for (const args of [[], ['--uapi', 'nothing'], ['--uapi', 'userfault', '--only', 'uf-99'], ['--uapi', 'userfault', '--only', ','], ['--uapi', 'userfault', '--target', 'x'], ['--uapi', 'userfault', '--cap', 'userfault=0']]) {
    it(`refuses 'conform ${args.join(' ')}' as wrong use`, () => {
      assert.equal(cli(['conform', ...args]).code, 2);
    });
  }

  it('prints KTAP, writes JSON beside it, and ends with 0 when no case failed', function () {
    requireKvm(this);
    const directory = mkdtempSync(join(tmpdir(), 'conform-'));
    try {
      const json = join(directory, 'report.json');
      const { code, stdout } = cli(['conform', '--uapi', 'userfault', '--target', 'emulated', '--only', 'uf-02,uf-21', '--json', json]);
      assert.equal(code, 0, stdout);
      const lines = stdout.split('\n').filter((line) => !line.startsWith('#'));
      assert.deepEqual(lines.slice(0, 2), ['KTAP version 1', '1..2']);
      assert.match(lines[2], /^ok 1 uf-02 [^#]+$/);
      assert.match(lines[3], /^ok 2 uf-21 [^#]+ # SKIP nothing outside KVM shows it: /);
      const report = JSON.parse(readFileSync(json, 'utf8')) as ConformReport;
      assert.deepEqual([report.format, report.uapi, report.target, report.counts], ['kvm-faultlab-conform', 'userfault', 'emulated', { ok: 1, notOk: 0, skip: 1 }]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('takes capability numbers of the kernel under test', function () {
    requireKvm(this);
    const { code, stdout } = cli(['conform', '--uapi', 'userfault', '--target', 'emulated', '--only', 'uf-01', '--cap', 'userfault=4000', '--json', '-']);
    assert.equal(code, 0);
    assert.deepEqual((JSON.parse(stdout) as ConformReport).capabilities, { userfault: 4000 });
  });
});

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertTraceFormat } from '../bench/timeline/trace-format.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';
import { cli } from './run-cli.js';

describe('kvm-faultlab trace', function () {
  this.timeout(patience(120_000));
  let folder = '';
  const at = (name: string): string => join(folder, name);

  before(function () {
    requireKvm(this);
    folder = mkdtempSync(join(tmpdir(), 'trace-test-'));
  });
  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  it('records every mode: who waits in the waiting ones, several pages under way in the others', () => {
    const { code, stdout, stderr } = cli(['trace', '--pages', '40', '--latency', '2ms', '--vcpus', '2', '--fault-tasks', '3', '--work-tasks', '1', '-o', at('trace.json')]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /work tasks ran/);
    const { ways, activities, mostPages } = assertTraceFormat(JSON.parse(readFileSync(at('trace.json'), 'utf8')));
    const modes = [...activities.keys()];
    assert.equal(ways, 40 * modes.length);
    assert.ok(activities.get('sync-uffd')?.has('blocked'), 'vCPUs of sync-uffd sleep in the kernel');
    assert.ok(activities.get('sync-exit')?.has('wait'), 'vCPUs of sync-exit wait outside');
    assert.ok((mostPages.get('sync-exit') ?? 99) <= 2, 'one page a waiting vCPU');
    for (const mode of modes.filter((name) => name.startsWith('apf'))) {
      assert.ok(!activities.get(mode)?.has('wait'), mode);
      assert.ok((mostPages.get(mode) ?? 0) > 2, `${mode}: ${mostPages.get(mode)} pages at once`);
    }
    const page = cli(['report', at('trace.json'), '-o', at('trace.html')]);
    assert.equal(page.code, 0, page.stderr);
    assert.match(readFileSync(at('trace.html'), 'utf8'), /out of each run<\/h3>[^]*class="a-blocked"[^]*class="a-work"/);
  });
  it('refuses what cannot be recorded', () => {
    for (const args of [['--modes', 'nonsense'], ['--pages', '0'], ['--uapi', 'userfault', '--modes', 'apf-user']]) {
      const { code, stderr } = cli(['trace', ...args, '-o', at('none.json')]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /BAD_OPTION/);
    }
    assert.equal(cli(['trace']).code, 2);
  });
});

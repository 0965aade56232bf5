import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skip } from '../support/skip.js';
import { cli } from './run-cli.js';

describe('kvm-faultlab bench: bad input', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cli-test-'));
    writeFileSync(join(folder, 'empty'), '');
    writeFileSync(join(folder, 'page'), Buffer.alloc(4096));
    writeFileSync(join(folder, 'trace'), '0\n1\n');
    writeFileSync(join(folder, 'no-policy.mjs'), 'export const answer = 42;\n');
    writeFileSync(join(folder, 'undecided.mjs'), 'export const openFaultPolicy = () => null;\n');
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  const cases: readonly [title: string, args: (folder: string) => string[], message: RegExp][] = [
    ['an unknown mode', () => ['--modes', 'sync-uffd,telepathy'], /unknown mode 'telepathy'.*BAD_OPTION.*sync-uffd/i],
    ['an empty mode', () => ['--modes', ''], /unknown mode ''/i],
    ['an unknown uAPI profile', () => ['--uapi', 'kvm-userfault'], /unknown uAPI 'kvm-userfault'.*BAD_OPTION/i],
    ['a mode that the profile does not have', () => ['--uapi', 'userfault', '--modes', 'sync-exit,apf-user'], /uAPI profile userfault has no mode apf-user.*BAD_OPTION/],
    ['a mode that only a proposal has', () => ['--modes', 'apf-exitless'], /uAPI profile stock has no mode apf-exitless/],
    ['an unknown policy', () => ['--policy', 'sometimes'], /unknown policy 'sometimes'/i],
    ['a policy with an argument that it does not take', () => ['--policy', 'state:1ms'], /unknown policy 'state:1ms'/i],
    ['a threshold without a unit', () => ['--policy', 'latency:30'], /--policy latency must be a duration/],
    ['a share beyond 1', () => ['--quick-share', '1.5'], /--quick-share must be from 0 to 1, not '1.5'/],
    ['a share that is no number', () => ['--quick-share', 'half'], /--quick-share must be from 0 to 1/],
    ['an image that is not there', (f) => ['--image', join(f, 'nowhere')], /no image .*nowhere.*IMAGE_MISSING/],
    ['an empty image', (f) => ['--image', join(f, 'empty')], /empty.*IMAGE_EMPTY/],
    ['an image that is a folder', (f) => ['--image', f], /no regular file.*IMAGE_UNREADABLE/],
    ['a latency without a unit', () => ['--latency', '5'], /--latency must be a duration.*'5'/],
    ['a latency that is no number', () => ['--latency', 'fast'], /--latency must be a duration/],
    ['a latency out of range', (f) => ['--image', join(f, 'page'), '--latency', '11s'], /--latency must be from 0 to 10.0 s, not 11s/],
    ['a negative number of pages', () => ['--pages', '-3'], /--pages must be a whole number/],
    ['pages that are no number', () => ['--pages', '1e3'], /--pages must be a whole number/],
    ['more pages than the image has', (f) => ['--image', join(f, 'page'), '--pages', '2'], /--pages 2 is more than the 1 pages/],
    ['no vCPU', () => ['--vcpus', '0'], /--vcpus must be a whole number from 1 to 64, not '0'/],
    ['too many vCPUs', (f) => ['--image', join(f, 'page'), '--vcpus', '65'], /--vcpus must be a whole number from 1 to 64, not '65'/],
    ['too many tasks', (f) => ['--image', join(f, 'page'), '--fault-tasks', '60', '--work-tasks', '5'], /more than the 64/],
    ['an unknown workload', () => ['--workload', 'sleep'], /sleep.*invalid|invalid.*sleep/i],
    ['a row that the workload does not have', () => ['--workload', 'demand-paging', '--rows', 'uffd-n'], /no row 'uffd-n' here.*BAD_OPTION.*exit-1/],
    ['fetching ahead where there is no trace to fetch', () => ['--prefetch'], /--prefetch belongs to --workload restore/],
    ['an unknown page source', () => ['--source', 'tape'], /unknown page source 'tape'.*BAD_OPTION/i],
    ['an image of zeroes', (f) => ['--source', 'zero', '--image', join(f, 'page')], /--source zero has no image/i],
    ['a server that is not there', () => ['--source', 'nbd://127.0.0.1:1/x'], /nbd:\/\/127\.0\.0\.1:1\/x.*NBD_UNREACHABLE/],
    ['a trace that is not there', (f) => ['--image', join(f, 'page'), '--trace', join(f, 'nowhere')], /nowhere.*TRACE_UNREADABLE/],
    ['a trace of another image', (f) => ['--image', join(f, 'page'), '--trace', join(f, 'trace')], /entry 2 is page 1, and the image has 1 pages.*TRACE_DAMAGED/],
    ['an unknown latency model', () => ['--latency-model', 'normal'], /unknown latency model 'normal'/i],
    ['latencies that are not there', () => ['--latency-model', 'file:/nowhere'], /LATENCIES_UNREADABLE/],
    ['a CPU that is not there', () => ['--pin', '4095'], /may not use CPU 4095/],
    ['one value of a sweep out of range', () => ['--vcpus', '1,2,65'], /--vcpus must be a whole number from 1 to 64, not '65'/],
    ['a sweep of too many points', () => ['--seed', Array.from({ length: 1001 }, (_, at) => at).join(',')], /1001 points/],
    ['an empty value of a sweep', () => ['--latency', '0,,1ms'], /--latency must be a duration/],
    ['no repetition', () => ['--repeat', '0'], /--repeat must be auto or a whole number/],
    ['a confidence without a repetition', () => ['--confidence', '5%'], /--confidence belongs to --repeat auto/],
    ['a confidence that is none', () => ['--repeat', 'auto', '--confidence', '0.05'], /--confidence must be a share such as 5%/],
    ['a budget without a unit', () => ['--budget', '5'], /--budget must be a duration/],
    ['a trace that cannot be written', (f) => ['--image', join(f, 'page'), '--trace-out', '/nowhere/trace'], /REPORT_UNWRITABLE/],
    ['an unknown order', () => ['--order', 'sideways'], /sideways.*invalid|invalid.*sideways/i],
    ['an unknown trap', () => ['--trap', 'sysenter'], /sysenter.*invalid|invalid.*sysenter/i],
    ['an unknown option', () => ['--turbo'], /unknown option '--turbo'/],
    ['a word too many', () => ['now'], /too many arguments/],
    ['a guest that is no ELF file', (f) => ['--image', join(f, 'page'), '--guest', join(f, 'page')], /no ELF magic.*GUEST_ELF/],
    ['a guest that is linked elsewhere', (f) => ['--image', join(f, 'page'), '--guest', process.execPath], /GUEST_ELF/],
    ['a guest that is not there', (f) => ['--image', join(f, 'page'), '--guest', join(f, 'nowhere')], /GUEST_ELF/],
    ['a policy that is not there', (f) => ['--image', join(f, 'page'), '--policy', `module:${join(f, 'nowhere.mjs')}`], /nowhere\.mjs cannot be used.*POLICY_UNUSABLE/],
    ['a policy that is a folder', (f) => ['--image', join(f, 'page'), '--policy', `module:${f}`], /POLICY_UNUSABLE/],
    ['a module that is no policy', (f) => ['--image', join(f, 'page'), '--policy', `module:${join(f, 'no-policy.mjs')}`], /does not export openFaultPolicy.*POLICY_UNUSABLE/],
    ['a policy that decides nothing', (f) => ['--image', join(f, 'page'), '--policy', `module:${join(f, 'undecided.mjs')}`], /has no decide\(\).*POLICY_UNUSABLE/],
  ];
  for (const [title, args, message] of cases) {
    it(`${title} ends with code 2, one sentence, and no stack`, () => {
      const { code, stdout, stderr } = cli(['bench', ...args(folder)]);
      assert.match(stderr, message);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.doesNotMatch(stderr, /^\s+at /m, 'a stack was printed');
      assert(stderr.trim().split('\n').length <= 2, stderr);
    });
  }

  it('an unknown command ends with code 2', () => {
    const { code, stderr } = cli(['bnech']);
    assert.equal(code, 2);
    assert.match(stderr, /bnech/);
  });

  it('an image larger than memory is refused before anything is made', function () {
    const path = join(folder, 'huge');
    const made = spawnSync('truncate', ['-s', '200G', path]);
    if (made.status !== 0) skip(this, 'no sparse file of 200 GiB can be made here', { hostCannot: true });
    const { code, stderr } = cli(['bench', '--image', path]);
    assert.match(stderr, /IMAGE_TOO_LARGE.*--pages/);
    assert.equal(code, 2);
  });
});

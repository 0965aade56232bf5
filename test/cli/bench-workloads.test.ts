import { strict as assert } from 'node:assert';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTrace, type BenchReport } from '../../lib/bench/index.js';
import { NbdServer, requireNbdkit } from '../support/nbdkit.js';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { TIMEOUT_MS, cli } from './run-cli.js';

describe('kvm-faultlab bench: workloads, sweeps and repetitions', function () {
  this.timeout(2 * TIMEOUT_MS);
  let folder = '';
  let image = '';
  before(function () {
    requireKvm(this);
    folder = mkdtempSync(join(tmpdir(), 'cli-test-'));
    image = join(folder, 'image');
    writeFileSync(image, Buffer.from(Array.from({ length: 200 * 4096 + 100 }, (_, i) => i % 251)));
  });
  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  /** Runs a bench that is to end well, and reads its report. */
  function bench(...args: string[]): { report: BenchReport; stdout: string } {
    const json = join(folder, 'report.json');
    rmSync(json, { force: true });
    const { code, stdout, stderr } = cli(['bench', ...args, '--json', json]);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    noteKvmUse();
    return { report: JSON.parse(readFileSync(json, 'utf8')) as BenchReport, stdout };
  }

  it('a sweep has every row at every point, in the JSON and in one table a figure', () => {
    const { report, stdout } = bench('--image', image, '--pages', '40', '--control', '20ms', '--modes', 'sync-uffd,apf-user', '--latency', '0,1ms', '--vcpus', '1,2');
    assert.deepEqual(report.swept, [{ parameter: 'vcpus', values: [1, 2] }, { parameter: 'latencyNs', values: [0, 1e6] }]);
    assert.deepEqual(
      report.modes.map(({ name, point }) => [name, point]),
      [1, 2].flatMap((vcpus) => [0, 1e6].flatMap((latencyNs) => ['sync-uffd', 'apf-user'].map((name) => [name, { vcpus, latencyNs }]))),
    );
    for (const { point, placement, latency, passed } of report.modes) {
      assert(passed);
      assert.deepEqual(placement.map(({ thread }) => thread), [...Array.from({ length: point.vcpus ?? 0 }, (_, index) => `vCPU ${index}`), 'resolver 0']);
      assert(placement.every(({ cpus }) => cpus.length === 1), 'a thread is bound to no single CPU');
      assert((latency?.minNs ?? 0) >= (point.latencyNs ?? 0), 'a page came before its latency was over');
      assert.equal(latency?.histogram.counts.reduce((sum, count) => sum + count, 0), 40);
    }
    assert.match(stdout, /2 vCPUs, latency 1\.00 ms │/);
    assert.match(stdout, /passed: .* in 8 rows/);
  });

  it('repetitions: a run without faults first, samples of each figure, the order of the others turned round', () => {
    const { report, stdout } = bench('--image', image, '--pages', '30', '--control', '20ms', '--modes', 'sync-uffd,sync-exit', '--repeat', '2');
    assert.deepEqual(report.modes.map(({ name, repetitions }) => [name, repetitions.count, repetitions.places]), [['resident', 2, [0, 3]], ['sync-uffd', 2, [1, 5]], ['sync-exit', 2, [2, 4]]]);
    const [resident, ...others] = report.modes;
    assert.equal(resident.resolver.faults, 0);
    for (const { repetitions, latency } of others) {
      assert.equal(repetitions.samples.pages.length, 2);
      assert.equal(latency?.count, 60, 'the distribution is over both runs');
      assert.equal(repetitions.ended, 'count');
    }
    assert.match(stdout, /│ runs +│ +2 │/);
  });

  it('auto: ends by itself and says why', () => {
    const { report, stdout } = bench('--image', image, '--pages', '30', '--work-tasks', '0', '--modes', 'sync-exit', '--repeat', 'auto', '--confidence', '100%');
    const [, { repetitions }] = report.modes;
    assert(['tight', 'budget', 'most'].includes(repetitions.ended));
    assert.match(stdout, report.modes.every((mode) => mode.repetitions.ended === 'tight') ? /repeated until every 95 % interval was within 100.0 % of its median/ : /not within 100.0 %/);
  });

  it('a latency so high that nothing finishes: the budget ends it with what there is', () => {
    const { report, stdout } = bench('--image', image, '--latency', '10s', '--control', '0', '--modes', 'sync-uffd,apf-user', '--budget', '6s');
    assert(report.budgetSpent);
    // Where making a machine takes seconds, there may be no time for the second one.
    assert(report.modes.length > 0);
    assert.deepEqual(report.modes.map(({ name, end, pages }) => [name, end, pages]), ['sync-uffd', 'apf-user'].slice(0, report.modes.length).map((name) => [name, 'stopped', 0]));
    assert.match(stdout, /budget spent: what is shown is what was done until then/);
  });

  it('demand paging: pages/s by ways of paging in, over zeroes', () => {
    const { report, stdout } = bench('--workload', 'demand-paging', '--source', 'zero', '--pages', '128', '--vcpus', '1,2', '--order', 'random');
    assert.deepEqual(report.modes.map(({ name, point }) => `${name} ${point.vcpus ?? 0}`), ['none 1', 'uffd-1 1', 'exit-1 1', 'none 2', 'uffd-1 2', 'uffd-n 2', 'uffd-per-vcpu 2', 'exit-1 2', 'exit-n 2']);
    for (const { point, pagesPerSecond, pagesPerSecondPerVcpu, repetitions } of report.modes) {
      assert.equal(pagesPerSecondPerVcpu, pagesPerSecond / (point.vcpus ?? NaN));
      assert.equal(repetitions.decidedBy, 'pagesPerSecond');
    }
    assert.match(stdout, /pages\/s of each vCPU/);
  });

  it('a trace that was recorded is replayed, on demand and fetched ahead', () => {
    const trace = join(folder, 'trace.txt');
    bench('--image', image, '--pages', '50', '--order', 'random', '--modes', 'sync-exit', '--fault-tasks', '1', '--work-tasks', '0', '--trace-out', trace);
    const recorded = readTrace(trace, 201);
    assert.equal(recorded.length, 50);
    const again = join(folder, 'again.u32');
    const { report, stdout } = bench('--workload', 'restore', '--image', image, '--trace', trace, '--prefetch', '--modes', 'sync-exit', '--fault-tasks', '1', '--work-tasks', '0', '--latency', '1ms', '--trace-out', again);
    assert.deepEqual(readTrace(again, 201), recorded);
    assert.deepEqual(report.modes.map(({ name }) => name), ['sync-exit', 'sync-exit ahead']);
    const [onDemand, ahead] = report.modes;
    assert.deepEqual([onDemand.resolver.faults, onDemand.resolver.prefetched], [50, 0]);
    assert.equal(ahead.resolver.faults + ahead.resolver.prefetched, 50);
    assert(ahead.resolver.prefetched > 0);
    assert(stdout.includes(`order of the trace ${trace}`));
  });

  it('past the page cache, with latencies of a record, few in flight', () => {
    const latencies = join(folder, 'latencies');
    writeFileSync(latencies, '200000 3\n2000000\n');
    const { report, stdout } = bench('--image', image, '--pages', '60', '--modes', 'apf-user', '--control', '20ms', '--source', 'file:direct', '--latency-model', `file:${latencies}`, '--in-flight', '2');
    assert((report.modes[0].latency?.minNs ?? 0) >= 200_000);
    assert.match(stdout, /past the page cache.*\n.*file:.*latencies\); 1 resolver, 2 in flight/);
  });

  it('an NBD server: every byte, held to what it says itself and to a file', function () {
    requireNbdkit(this);
    return (async () => {
      const server = await NbdServer.start(['--filter=delay', 'file', image, 'rdelay=1ms']);
      try {
        const args = ['--source', server.uri, '--modes', 'sync-uffd,apf-user', '--control', '20ms', '--pages', '60', '--order', 'random'];
        const { report } = bench(...args);
        assert.equal(report.parameters.imageSizeBytes, 200 * 4096 + 100);
        assert(report.modes.every(({ integrity }) => integrity.exact));
        bench(...args, '--image', image);
        const other = join(folder, 'other');
        writeFileSync(other, Buffer.alloc(200 * 4096 + 100));
        const { code, stdout } = cli(['bench', ...args, '--image', other]);
        assert.equal(code, 1, 'another image passed for the export');
        assert.match(stdout, /60 pages differ/);
      } finally {
        server.close();
      }
    })();
  });

  it('an NBD server without contents for a page: what there is by then, code 4, and where', function () {
    requireNbdkit(this);
    return (async () => {
      const server = await NbdServer.start(['eval', 'get_size=echo 819200', 'pread=if [ "$4" -eq 102400 ]; then echo "EIO bad sector" >&2; exit 1; fi; head -c "$3" /dev/zero']);
      try {
        const json = join(folder, 'lost.json');
        const { code, stdout, stderr } = cli(['bench', '--source', server.uri, '--modes', 'sync-uffd,sync-exit', '--fault-tasks', '1', '--work-tasks', '0', '--json', json]);
        assert.equal(code, 4, stderr);
        assert.match(stderr, /^sync-uffd: .*MEMORY_POISONED/m);
        assert.match(stdout, /1 page could not be had from the source/);
        const report = JSON.parse(readFileSync(json, 'utf8')) as BenchReport;
        assert.deepEqual(report.modes.map(({ name, end, pages, failure, resolver }) => [name, end, pages, failure?.code, resolver.lost]), [['sync-uffd', 'failed', 25, 'MEMORY_POISONED', 1]]);
        assert.deepEqual([report.passed, report.modes[0].integrity.mismatched], [false, 0]);
        noteKvmUse();
      } finally {
        server.close();
      }
    })();
  });
});

import { strict as assert } from 'node:assert';
import { BENCH_DEFAULTS, WORKLOADS, WORKLOAD_NAMES, pointTitle, renderReport, rowTitle, sweepPoints, type WorkloadName, type WorkloadRow } from '../../lib/bench/index.js';
import { MODE_NAMES } from '../../lib/machine/index.js';
import { benchReport, modeReport } from './reports.js';

describe('a sweep', () => {
  it('has every combination of the values, the first parameter changing slowest', () => {
    assert.deepEqual(sweepPoints([{ parameter: 'vcpus', values: [1, 2] }, { parameter: 'latencyNs', values: [0, 30, 60] }]), [
      { vcpus: 1, latencyNs: 0 }, { vcpus: 1, latencyNs: 30 }, { vcpus: 1, latencyNs: 60 },
      { vcpus: 2, latencyNs: 0 }, { vcpus: 2, latencyNs: 30 }, { vcpus: 2, latencyNs: 60 },
    ]);
    assert.deepEqual(sweepPoints([]), [{}]);
  });

  it('of more points than anybody would wait for is refused', () => {
    const values = Array.from({ length: 40 }, (_, at) => at + 1);
    assert.throws(() => sweepPoints([{ parameter: 'vcpus', values }, { parameter: 'latencyNs', values }]), { code: 'BAD_OPTION' });
  });

  it('names its points for people', () => {
    assert.equal(pointTitle({ latencyNs: 30e3, vcpus: 2 }), '2 vCPUs, latency 30.0 us');
    assert.equal(rowTitle('apf-user', { vcpus: 1 }), 'apf-user, 1 vCPU');
    assert.equal(rowTitle('apf-user', {}), 'apf-user');
  });

  it('is shown with each row and point once, a dash where a row is not run', () => {
    const row = (name: string, vcpus: number, pagesPerSecond: number): ReturnType<typeof modeReport> => modeReport({ name, point: { vcpus }, pagesPerSecond });
    const modes = [row('uffd-1', 1, 1000), row('uffd-1', 2, 3000), row('uffd-n', 2, 4000)];
    const text = renderReport(benchReport({ swept: [{ parameter: 'vcpus', values: [1, 2] }], modes }), { color: false });
    assert.match(text, /sweep {2}1 vCPU \| 2 vCPUs/);
    assert.match(text, /│ uffd-1 +│ +1,000 │ +1,500 │\n│ uffd-n +│ +- │ +2,000 │/);
    assert.match(text, /in 3 rows/);
  });
});

describe('workloads', () => {
  const rowsOf = (name: WorkloadName, changes: object = {}, repeated = false): WorkloadRow[] =>
    WORKLOADS[name].rows({ settings: { ...BENCH_DEFAULTS, ...WORKLOADS[name].defaults, ...changes }, modes: MODE_NAMES, repeated });

  it('have rows of distinct names', () => {
    for (const name of WORKLOAD_NAMES) {
      for (const vcpus of [1, 4]) {
        const names = rowsOf(name, { vcpus, prefetch: name === 'restore' }, true).map((row) => row.name);
        assert.equal(new Set(names).size, names.length, `${name}: ${names.join(', ')}`);
      }
    }
  });

  it('fault-and-work is its modes, and begins with a run without faults where it is repeated', () => {
    assert.deepEqual(rowsOf('fault-and-work').map(({ name }) => name), [...MODE_NAMES]);
    const [first, ...others] = rowsOf('fault-and-work', {}, true);
    assert.deepEqual([first.name, first.populate], ['resident', true]);
    assert.equal(others.some(({ populate }) => populate === true), false);
  });

  it('demand-paging has one reader and one a vCPU, and where there is one vCPU no row twice', () => {
    assert.deepEqual(rowsOf('demand-paging').map(({ name }) => name), ['none', 'uffd-1', 'exit-1']);
    const four = rowsOf('demand-paging', { vcpus: 4 });
    assert.deepEqual(four.map(({ name, resolvers }) => [name, resolvers]), [['none', undefined], ['uffd-1', 1], ['uffd-n', 4], ['uffd-per-vcpu', 4], ['exit-1', 1], ['exit-n', 4]]);
    assert.equal(four[3].userfaultfds, 'per-resolver');
  });

  it('restore visits short stretches all over the image, each page once, and all of it if asked to', () => {
    const { order } = WORKLOADS.restore;
    assert(order !== undefined);
    const trace = order(10_000, 1000, 3);
    assert.equal(new Set(trace).size, 1000);
    assert.deepEqual(order(10_000, 1000, 3), trace);
    assert.notDeepEqual(order(10_000, 1000, 4), trace);
    const neighbours = trace.filter((page, at) => at > 0 && page === trace[at - 1] + 1).length;
    assert(neighbours > 300 && neighbours < 800, `${neighbours} of 1000 pages follow their neighbour`);
    assert(trace.some((page) => page > 9000) && trace.some((page) => page < 1000), 'only a part of the image is visited');
    assert.deepEqual([...order(50, 50, 1)].sort((a, b) => a - b), Array.from({ length: 50 }, (_, page) => page));
  });
});

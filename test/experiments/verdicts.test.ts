/** What verdicts and answers say, from samples made up here: nothing that contradicts itself, and answers without figures. */
import assert from 'node:assert/strict';
import type { Finding } from '../../lib/experiments/index.js';
import { KERNEL_ACCESSES } from '../../lib/experiments/q11-kernel-accesses/accesses.js';
import { conclude as concludeQ11 } from '../../lib/experiments/q11-kernel-accesses/index.js';
import type { AccessOutcome } from '../../lib/experiments/q11-kernel-accesses/try-access.js';
import { conclude as concludeQ13 } from '../../lib/experiments/q13-interruptibility/index.js';
import { FILL_AFTER_MS, type PlaceResult } from '../../lib/experiments/q13-interruptibility/measure.js';
import { PLACES } from '../../lib/experiments/q13-interruptibility/places.js';
import { conclude as concludeQ15 } from '../../lib/experiments/q15-halt-only/index.js';
import { ARMS as Q1_ARMS } from '../../lib/experiments/q1-spurious-pair/arms.js';
import { conclude as concludeQ1, type Sample as Q1Sample } from '../../lib/experiments/q1-spurious-pair/verdict.js';
import { ARMS as Q9_ARMS, conclude as concludeQ9, type Sample as Q9Sample } from '../../lib/experiments/q9-uffd-scaling/index.js';
import { ACCESSES, interruptToPageMs } from '../../lib/experiments/waits/interrupted-wait.js';
import type { Waits } from '../../lib/experiments/waits/interruptions.js';
import { WAIT_ARMS, type WaitSample } from '../../lib/experiments/waits/whole-runs.js';
import type { MeasuredRun } from '../../lib/experiments/workload/measured-run.js';

const ROUNDS = [0, 1, 2, 3, 4, 5, 6, 7];
const PAGES = 100;

function answered(finding: Finding): { readonly answer: string; readonly verdict: string } {
  assert(finding.answered, JSON.stringify(finding));
  return finding;
}

/** A run of which only this is known. `costNs`: vCPU time of a page. */
function runOf({ latencyNs, costNs, told, vcpus }: { readonly latencyNs: number; readonly costNs: number; readonly told: number; readonly vcpus?: object }): MeasuredRun {
  const vcpuNs = 2 * PAGES * costNs;
  return {
    pages: PAGES, pagingNs: vcpuNs, pagesPerSecond: 1e9 / latencyNs, vcpuNs, work: vcpuNs - PAGES * costNs, workPerNs: 1, latencyNs, switchesPerPage: told === 0 ? 0 : 2, notPresent: told, ready: told,
    kernel: { notPresentNs: 60e3, readyNs: 40e3, tickNs: null, entryExitNs: 1e3 },
    result: { tscKhz: 2e6, end: 'done', vcpus: { syncWaits: PAGES, ...vcpus }, resolvers: { faults: PAGES, vcpuFaults: 0 } },
  } as unknown as MeasuredRun;
}

describe('the verdict of q1', () => {
  // What a pair adds to a latency is less than its handlers were timed at, as it may be on a busy host.
  const costs = (fetchNs: number): Record<string, number> => ({ sync: fetchNs + 100e3, spurious: fetchNs + 190e3, async: 150e3 });
  const samples = ROUNDS.flatMap((round) => [0, 30e3, 1e6].flatMap((fetchNs) => Q1_ARMS.map((arm): Q1Sample => {
    const costNs = costs(fetchNs)[arm.id] * (1 + round / 200);
    return { round, fetchNs, arm, run: runOf({ latencyNs: costNs, costNs, told: arm.pairsPerPage * PAGES }) };
  })));
  const outcome = concludeQ1(samples);

  it('gives the handlers beside the pair, not as a part of it, and says where each break-even counts from', () => {
    const { answer, verdict } = answered(outcome.finding);
    assert.match(verdict, /delays a page by 9\d\.\d us .*handlers alone, timed separately, take 102 us/);
    assert.doesNotMatch(verdict, /of it (are|in)/);
    assert.match(verdict, /Measured in whole runs: waiting is cheaper .* of added fetch time .* on top of the time .*Estimated from the pair alone: .*of the exit/);
    assert.doesNotMatch(answer, /\d/);
    assert.match(answer, /for long ones to tell the guest$/);
  });
  it('leaves out what a pair adds where the guest\'s tick decides, and says why', () => {
    const [sweep] = outcome.tables;
    assert.deepEqual(sweep.rows.map((row) => [row['fetch'], row['pairNs'] === null]), [['0', false], ['30.0 us', false], ['1.00 ms', true]]);
    assert.match(sweep.note ?? '', /tick/);
  });
  it('has a plot that says which way is better and what its lines and its mark are', () => {
    const [plot] = outcome.plots;
    assert.equal(plot.better, 'lower');
    assert(plot.lines.every(({ title }) => title !== undefined));
    assert.match(plot.marks?.[0].what ?? '', /cost the same/);
  });
});

describe('the verdict of q9', () => {
  const rates: Record<string, (vcpus: number) => number> = { none: () => 1e6, 'one-reader': (vcpus) => [0, 100, 80, 0, 90][vcpus], readers: () => 60, 'per-vcpu': (vcpus) => (vcpus === 2 ? 95 : 50), exits: (vcpus) => [0, 120, 96, 0, 70][vcpus], async: () => 40 };
  const told = { none: [0, 0, 0], 'one-reader': [PAGES, 0, 0], readers: [PAGES, 0, 0], 'per-vcpu': [PAGES, 0, 0], exits: [0, PAGES, 0], async: [PAGES, 0, PAGES] } as const;
  const samples = ROUNDS.flatMap((round) => [1, 2, 4].flatMap((vcpus) => Q9_ARMS.filter(({ id }) => vcpus > 1 || (id !== 'readers' && id !== 'per-vcpu')).map((arm): Q9Sample => {
    const [filledByReaders, exits, events] = told[arm.id];
    const wobble = 1 + (round % 2 === 0 ? 0.02 : -0.02) * (arm.id === 'exits' ? 1 : 0);
    return { round, arm, vcpus, result: { pages: PAGES, ns: 1e6, ratePerVcpu: rates[arm.id](vcpus) * wobble, filledByReaders, exits, told: events } };
  })));
  const outcome = concludeQ9(samples);

  it('sets exits against the fastest setting of userfaultfd at each number of vCPUs, and names it', () => {
    const { answer, verdict } = answered(outcome.finding);
    assert.equal(answer, 'exits to user space bring more pages a second than the fastest setting of userfaultfd with 1 vCPU, and no more with 2 and 4 vCPUs');
    assert.match(verdict, /with 1 vCPU \(one userfaultfd, one reader\), .* with 2 vCPUs \(a userfaultfd and a reader a vCPU\), .* with 4 vCPUs \(one userfaultfd, one reader\)/);
  });
  it('keeps what is many times as fast out of its plot', () => {
    assert(!outcome.plots[0].lines.some(({ name }) => name === 'none') && /none/.test(outcome.plots[0].note ?? ''));
  });
  it('has each ratio once', () => {
    const ids = outcome.figures?.map(({ id }) => id) ?? [];
    assert.equal(new Set(ids).size, ids.length);
    assert(ids.includes('exits/one-reader/1') && !ids.includes('exits/readers/1') && ids.includes('exits/readers/4'));
  });
});

describe('the verdict of q11', () => {
  const tried = (id: string, memory: AccessOutcome['memory'], changes: Partial<AccessOutcome>): AccessOutcome => {
    const access = KERNEL_ACCESSES.find((candidate) => candidate.id === id);
    assert(access !== undefined);
    return { access, memory, end: '', worked: false, waited: null, exited: false, named: false, falseFault: false, ...changes };
  };
  it('says what becomes of each kind of access, and nothing of kinds that there are none of', () => {
    const { answer } = answered(
      concludeQ11([tried('steal-time', 'userfaultfd', { waited: 'the vCPU' }), tried('steal-time', 'sigbus', {}), tried('emulator', 'userfaultfd', { waited: 'the vCPU' }), tried('emulator', 'sigbus', { exited: true })], 4).finding,
    );
    assert.equal(answer, 'behind userfaultfd all of the accesses that KVM itself makes to guest memory wait until the page is there; where it can never be had, some end KVM_RUN (emulator) and some are lost without a word (steal time)');
  });
});

describe('the verdict of q13', () => {
  const results = (deaf: readonly string[]): PlaceResult[] =>
    PLACES.map((place) => {
      const waitedForPage = deaf.includes(place.id);
      return { place, samples: Array.from({ length: 4 }, () => ({ latencyNs: waitedForPage ? 78.1e6 : 50e3, waitedForPage, runnableNs: null })), others: [], waiters: place.waitsForPage ? ["the vCPU's thread"] : [] };
    });
  const of = (deaf: readonly string[]): { readonly answer: string; readonly verdict: string } => answered(concludeQ13(results(deaf), { bySlices: [], byWord: [] }).finding);

  it('names the exception in words, and does not pass off the time that the test chose for KVM\'s', () => {
    const { answer, verdict } = of(['kernel-access']);
    assert.equal(answer, 'a signal ends every wait at once, except while KVM itself waits for a page (steal time)');
    assert(verdict.includes(`not before the page came, which the test brought ${FILL_AFTER_MS} ms after the signal`));
    assert.doesNotMatch(verdict, /78\.1 ms/);
  });
  it('is of what was seen: without an exception none is named; where all are, no wait ends', () => {
    assert.equal(of([]).answer, 'a signal ends every wait at once');
    assert.equal(of(PLACES.map(({ id }) => id)).answer, 'a signal ends no wait at once');
  });
});

describe('the verdict of q15', () => {
  const [access] = ACCESSES;
  const waits: Waits[] = (['kvm-untold', 'exit'] as const).map((way) => ({
    access, way, waits: ROUNDS.map((round) => ({ round, outcome: way === 'exit' ? 'exited' : 'halted', interruptNs: way === 'exit' ? 8.05e6 + round * 1e3 : 60e3 + round * 1e3, tookIt: way !== 'exit', wakeNs: 1e5 })),
  }));
  const samples = (haltNs: number): WaitSample[] =>
    ROUNDS.flatMap((round) => [100e3, 10e6].flatMap((fetchNs) => WAIT_ARMS.filter(({ id }) => id !== 'told').map((arm): WaitSample => {
      const run = runOf({ latencyNs: fetchNs + round * 1e3 + (arm.id === 'halt' ? haltNs : 0), costNs: fetchNs * (arm.id === 'halt' ? 0.4 : 1), told: 0 });
      return { round, fetchNs, arm, run: { ...run, result: { ...run.result, resolvers: { ...run.result.resolvers, vcpuFaults: arm.id === 'block' ? PAGES : 0 } } } };
    })));

  it('speaks of a later task only where the intervals are apart', () => {
    assert.match(answered(concludeQ15(waits, samples(295)).finding).verdict, /as soon as with exit and block, as far as the noise shows/);
    assert.match(answered(concludeQ15(waits, samples(900e3)).finding).verdict, /900 us later than with exit and block/);
  });
  it('says that the page came when the test chose', () => {
    assert(answered(concludeQ15(waits, samples(0)).finding).verdict.includes(`not before the page came, which the test brought ${interruptToPageMs()} ms after the interrupt`));
  });
});

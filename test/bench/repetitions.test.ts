import { strict as assert } from 'node:assert';
import { FIGURE_NAMES } from '../../lib/bench/index.js';
import { Budget } from '../../lib/bench/budget.js';
import { LatencyRecorder } from '../../lib/bench/latency.js';
import { turnOrder } from '../../lib/bench/point.js';
import { decidingFigure, relativeHalfWidth, repetitionsOf, representative, type SingleRun } from '../../lib/bench/repetitions.js';
import { modeReport } from './reports.js';

const run = (pagesPerSecond: number, passed = true): SingleRun => modeReport({ pagesPerSecond, passed });

describe('repeated runs', () => {
  it('keep every figure of every run, and the interval of the one that stands for the row', () => {
    const runs = [10, 12, 11, 13, 9, 11].map((value) => run(value));
    const { samples, interval, count, relativeHalfWidth: width } = repetitionsOf(runs, [0, 3, 4, 7, 8, 11], 'pagesPerSecond', 'count');
    assert.equal(count, 6);
    assert.deepEqual(Object.keys(samples), FIGURE_NAMES);
    assert.deepEqual(samples.pagesPerSecond, [10, 12, 11, 13, 9, 11]);
    assert.equal(interval?.value, 11);
    assert(interval.low >= 9 && interval.low <= 11 && interval.high >= 11 && interval.high <= 13);
    assert.equal(width, (interval.high - interval.low) / 22);
  });

  it('are stood for by the one in the middle, or by one that is wrong', () => {
    assert.equal(representative([run(1), run(100), run(5)], 'pagesPerSecond').pagesPerSecond, 5);
    assert.equal(representative([run(1), run(100), run(7, false), run(5)], 'pagesPerSecond').pagesPerSecond, 7);
  });

  it('are judged by the work done, or without work tasks by the pages', () => {
    assert.equal(decidingFigure(2), 'workRelative');
    assert.equal(decidingFigure(0), 'pagesPerSecond');
  });

  it('an interval of no width is tight; around 0 it never is', () => {
    assert.equal(relativeHalfWidth({ value: 3, low: 3, high: 3, count: 5 }), 0);
    assert.equal(relativeHalfWidth({ value: 0, low: -1, high: 1, count: 5 }), Infinity);
  });

  it('alternate: the row without faults first, the others forth and back', () => {
    const rows = ['a', 'control', 'b', 'c'].map((name) => ({ row: { name, mode: 'sync-exit' as const, ...(name === 'control' ? { populate: true } : {}) } }));
    const names = (turn: number): string => turnOrder(rows, turn).map(({ row }) => row.name).join(' ');
    assert.deepEqual([names(0), names(1), names(2)], ['control a b c', 'control c b a', 'control a b c']);
  });
});

describe('a budget', () => {
  it('is shared out over what is left to do, and is never less than nothing', () => {
    let nowMs = 1000;
    const budget = new Budget(10e9, () => nowMs);
    assert.equal(budget.shareMs(4), 2500);
    nowMs += 4000;
    assert.equal(budget.shareMs(3), 2000);
    nowMs += 60_000;
    assert.equal(budget.leftMs, 0);
    assert.equal(budget.shareMs(2), 0);
  });

  it('without a limit is never spent', () => {
    const budget = new Budget(null);
    assert.equal(budget.limited, false);
    assert.equal(budget.shareMs(5), Infinity);
  });
});

describe('a distribution of latencies', () => {
  it('has every latency in one bucket, whose edge is within 1 %', () => {
    const recorder = new LatencyRecorder();
    const ns = [1, 5, 127, 128, 4095, 30_000, 30_010, 1_000_000, 3_599_999_999_999];
    // At 1 GHz a cycle is a ns.
    recorder.record(BigUint64Array.from(ns.map(BigInt)), 1e6);
    const summary = recorder.summarize();
    assert(summary !== null);
    const { upToNs, counts } = summary.histogram;
    assert.equal(counts.reduce((sum, count) => sum + count, 0), ns.length);
    assert.deepEqual([...upToNs].sort((a, b) => a - b), upToNs);
    for (const one of ns) {
      const edge = upToNs.find((upTo) => upTo >= one) ?? NaN;
      assert(edge >= one && (edge - one) / one <= 0.01, `${one} is in the bucket up to ${edge}`);
    }
    assert.deepEqual([summary.count, summary.minNs, summary.maxNs, summary.p50Ns], [9, 1, 3_599_999_999_999, 4095]);
  });

  it('of several runs is that of all their latencies', () => {
    const recorder = new LatencyRecorder();
    recorder.record(BigUint64Array.from([100n, 0n, 100n]), 1e6);
    recorder.record(BigUint64Array.from([900n]), 1e6);
    const summary = recorder.summarize();
    assert.deepEqual([summary?.count, summary?.p50Ns, summary?.maxNs], [3, 100, 900]);
    assert(Math.abs((summary?.meanNs ?? 0) - 1100 / 3) < 1e-9);
  });
});

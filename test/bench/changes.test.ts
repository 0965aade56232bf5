import assert from 'node:assert/strict';
import { FEWEST_RUNS, JUDGED_FIGURES, compareReports, judgeChanges, renderComparison, type BenchReport, type FigureName, type ModeReport } from '../../lib/bench/index.js';
import { cliffsDelta } from '../../lib/bench/compare/changes.js';
import { SAME_THING } from './compare-samples.js';
import { benchReport, modeReport } from './reports.js';

type Samples = Partial<Record<FigureName, readonly number[]>>;

/** A row that ran several times. */
function row(mode: ModeReport['mode'], samples: Samples): ModeReport {
  const one = modeReport({ mode });
  const count = Math.max(...Object.values(samples).map((values) => values.length));
  const nothing = Object.fromEntries(Object.keys(one.repetitions.samples).map((name) => [name, new Array<null>(count).fill(null)])) as unknown as ModeReport['repetitions']['samples'];
  return { ...one, repetitions: { ...one.repetitions, count, samples: { ...nothing, ...samples } } };
}

/** Numbers in [0, 1), the same each time (mulberry32). */
function randomShares(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function changedFigures(first: readonly ModeReport[], other: readonly ModeReport[], threshold = 0.03): string[] {
  return [...judgeChanges(first, other, threshold)].flatMap(([mode, figures]) => [...figures].flatMap(([figure, { verdict }]) => (verdict === 'changed' ? [`${mode} ${figure}`] : [])));
}

const MODES = ['sync-uffd', 'sync-exit', 'apf-kernel', 'apf-user'] as const;

describe('whether figures changed', function () {
  this.timeout(60_000);

  it('is no in at least 19 of 20 comparisons of the same thing, by real runs of a busy host', () => {
    const random = randomShares(7);
    const runs = Math.min(...Object.values(SAME_THING).flatMap((figures) => Object.values(figures).map((values) => values.length)));
    assert.ok(runs >= 16);
    const [tries, group] = [160, 6];
    let wrong = 0;
    for (let turn = 0; turn < tries; turn++) {
      const order = Array.from({ length: runs }, (_, run) => ({ run, key: random() })).sort((a, b) => a.key - b.key).map(({ run }) => run);
      const take = (from: number): ModeReport[] =>
        MODES.filter((mode) => mode in SAME_THING).map((mode) => row(mode, Object.fromEntries(JUDGED_FIGURES.map((figure) => [figure, order.slice(from, from + group).map((run) => SAME_THING[mode][figure][run])]))));
      assert.ok(take(0).length >= 3);
      if (changedFigures(take(0), take(group)).length > 0) wrong++;
    }
    assert.ok(wrong <= tries / 20, `${wrong} of ${tries} comparisons called something changed`);
  });
  it('is no in at least 19 of 20 simulated ones, with outliers and figures that go together', () => {
    const random = randomShares(11);
    const tries = 120;
    const run = (): Samples => {
      // A run that somebody disturbed is slow in all figures.
      const slow = random() < 0.2 ? 1 + 3 * random() : 1 + 0.05 * random();
      return { workRelative: [0.5 / slow], pagesPerSecond: [1000 / slow], latencyP50Ns: [1e6 * slow], latencyP90Ns: [2e6 * slow * (1 + random())] };
    };
    const report = (runs: number): ModeReport[] =>
      MODES.map((mode) => {
        const all = Array.from({ length: runs }, run);
        return row(mode, Object.fromEntries(JUDGED_FIGURES.map((figure) => [figure, all.flatMap((samples) => samples[figure] ?? [])])));
      });
    const wrong = Array.from({ length: tries }, (_, turn) => changedFigures(report(4 + (turn % 5)), report(4 + (turn % 5)), 0).length > 0).filter(Boolean).length;
    assert.ok(wrong <= tries / 20, `${wrong} of ${tries}`);
  });
  it('is yes for a change that is there, and names the figure alone that changed', () => {
    const random = randomShares(3);
    const noisy = (value: number): number => value * (1 + 0.04 * (random() - 0.5));
    const report = (factor: number): ModeReport[] =>
      MODES.map((mode) => row(mode, { workRelative: Array.from({ length: 8 }, () => noisy(0.5)), pagesPerSecond: Array.from({ length: 8 }, () => noisy(mode === 'apf-user' ? 1000 * factor : 1000)) }));
    let found = 0;
    for (let turn = 0; turn < 20; turn++) {
      const changed = changedFigures(report(1), report(0.8));
      if (changed.length === 1 && changed[0] === 'apf-user pagesPerSecond') found++;
    }
    assert.ok(found >= 19, `${found} of 20`);
  });
  it('takes all three: chance, effect and noise', () => {
    const samples = (values: readonly number[]): ModeReport[] => [row('sync-exit', { pagesPerSecond: values })];
    const base = [100, 101, 102, 103, 104, 105, 106, 107];
    const of = (values: readonly number[], threshold = 0.03): string | undefined => judgeChanges(samples(base), samples(values), threshold).get('sync-exit')?.get('pagesPerSecond')?.verdict;
    assert.equal(of(base.map((value) => value * 1.2)), 'changed');
    assert.equal(of(base.map((value) => value * 1.2), 0.25), 'same', 'below the threshold');
    assert.equal(of(base.map((value, at) => (at === 0 ? value * 3 : value))), 'same', 'one run that went astray is no change');
    assert.equal(of(base), 'same');
    assert.equal(of(base.slice(0, FEWEST_RUNS - 1)), 'too few runs');
  });
  it('has an effect of 1 where each run is above each, 0 where none is', () => {
    assert.equal(cliffsDelta([1, 2], [3, 4]), 1);
    assert.equal(cliffsDelta([3, 4], [1, 2]), -1);
    assert.equal(cliffsDelta([1, 2], [1, 2]), 0);
  });
  it('is said in a comparison, with what it was judged by', () => {
    const report = (factor: number): BenchReport => benchReport({ modes: [row('sync-exit', { pagesPerSecond: Array.from({ length: 6 }, (_, run) => factor * (100 + run)) })] });
    const named = [report(1), report(2)].map((one, at) => ({ name: `${at}.json`, report: one }));
    const comparison = compareReports(named, { verdictsOnly: false });
    assert.equal(comparison.changed, true);
    assert.match(renderComparison(comparison, { color: false }), /CHANGED \(p 0\.0\d+, effect 1\.00\)[^]*CHANGED: pages\/s in sync-exit \(\+100\.0 %\)/);
    assert.equal(compareReports([named[0], named[0]], { verdictsOnly: false }).changed, false);
    assert.match(renderComparison(compareReports([named[0], named[0]], { verdictsOnly: false }), { color: false }), /no figure changed/);
    const once = { name: 'once', report: benchReport() };
    assert.match(renderComparison(compareReports([once, once], { verdictsOnly: false }), { color: false }), /takes 4 runs/);
  });
});

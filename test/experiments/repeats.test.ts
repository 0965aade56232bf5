/** Whether a second run repeats a first: generated runs whose truth is known. */
import assert from 'node:assert/strict';
import { normal } from '../../lib/bench/calibration.js';
import { randomWords } from '../../lib/bench/random.js';
import { compareRepeats, parseRun, renderRepeats, type ExperimentReport, type QuotedFigure, type Repeats } from '../../lib/experiments/index.js';
import { quoted } from '../../lib/experiments/frame/figure.js';
import { estimate, type Estimate } from '../../lib/experiments/frame/statistics.js';
import { emulatedReport } from '../bench/reports.js';
import { experimentReport } from '../report/reports.js';

/** Figures of a run of so many rounds; each round has an effect of its own. `factor`: by which all of them are off. */
function figures(random: () => number, { count = 40, rounds = 4, factor = 1 } = {}): QuotedFigure[] {
  return Array.from({ length: count }, (_, at) => quoted(`f${at}`, `figure ${at}`, 'ns', estimate(Array.from({ length: rounds }, () => factor * 1000 * (at + 1) * Math.exp(0.04 * normal(random))))));
}

const named = (name: string, reports: readonly Partial<ExperimentReport>[]): { name: string; report: ReturnType<typeof parseRun> } => ({ name, report: parseRun(JSON.stringify(reports.map((changes) => experimentReport(changes))), name) });
const compare = (first: readonly Partial<ExperimentReport>[], second: readonly Partial<ExperimentReport>[], options = {}): Repeats => compareRepeats([named('a.json', first), named('b.json', second)], options);

const of = (value: number, low: number, high: number): Estimate => ({ value, low, high, count: 4 });

describe('two runs of the same experiments', () => {
  it('of one thing repeat in nineteen cases of twenty', () => {
    const random = randomWords(5);
    let [repeats, compared, disagreements] = [0, 0, 0];
    const TRIES = 200;
    for (let turn = 0; turn < TRIES; turn++) {
      const found = compare([{ figures: figures(random) }], [{ figures: figures(random) }]);
      repeats += Number(found.repeats);
      compared += found.compared;
      disagreements += found.disagreements;
    }
    assert(repeats >= 0.95 * TRIES, `${repeats} of ${TRIES}`);
    assert.equal(compared, 40 * TRIES);
    assert(disagreements / compared <= 0.05, `${disagreements} of ${compared} figures`);
    assert(disagreements > 0, 'intervals that never miss are too wide');
  });

  it('do not where all figures are off, or where an answer is another one', () => {
    const random = randomWords(6);
    const first = figures(random);
    const off = compare([{ figures: first }], [{ figures: figures(random, { factor: 1.4 }) }]);
    assert(!off.repeats && off.sameAnswers && off.disagreements > off.allowed, JSON.stringify([off.disagreements, off.allowed]));
    const other = compare([{ figures: first }], [{ figures: first, finding: { answered: true, answer: 'never', verdict: 'never' } }]);
    assert(!other.repeats && !other.sameAnswers && other.disagreements === 0);
    assert.match(renderRepeats(other, { color: false }), /ANOTHER ANSWER: q1\n {2}1 {2}from a break-even on\n {2}2 {2}never\n/);
    assert(!compare([{ figures: first }, { id: 'q2' }], [{ figures: first }]).sameAnswers, 'an experiment that one of them lacks');
  });

  it('do not where there is nothing to compare, unless answers alone were asked for', () => {
    assert(!compare([{}], [{}]).repeats);
    assert(compare([{}], [{}], { verdictsOnly: true }).repeats);
    const open = { finding: { answered: false, why: 'it was interrupted' } } as const;
    assert(!compare([open], [open], { verdictsOnly: true }).repeats, 'no answer is no answer to repeat');
    const alone = quoted('f', 'of one machine', 'ns', estimate([5]));
    const found = compare([{ figures: [alone] }], [{ figures: [alone] }]);
    assert.deepEqual([found.compared, found.figures?.[0].agrees, found.repeats], [0, null, false]);
    assert.match(renderRepeats(found, { color: false }), /no interval: 1 rounds/);
  });

  it('are held to the interval of the difference, not to whether intervals overlap', () => {
    // Of equal width they overlap up to a distance of two halves, and differ from the root of two of them on.
    const agrees = (distance: number): boolean | null => compare([{ figures: [quoted('f', 'f', 'ns', of(1000, 990, 1010))] }], [{ figures: [quoted('f', 'f', 'ns', of(1000 + distance, 990 + distance, 1010 + distance))] }]).figures?.[0].agrees ?? null;
    assert.deepEqual([agrees(13), agrees(16), agrees(-16)], [true, false, false]);
    const below = compare([{ figures: [quoted('f', 'f', 'ns', of(10, -5, 25))] }], [{ figures: [quoted('f', 'f', 'ns', of(-8, -10, -6))] }]).figures?.[0];
    assert.deepEqual([below?.difference?.kind, below?.difference?.value, below?.agrees], ['difference', -18, false]);
  });

  it('say which figures only one of them has', () => {
    const [one, two] = [quoted('one', '1', 'ratio', of(2, 1.9, 2.1)), quoted('two', '2', 'share', of(0.5, 0.4, 0.6))];
    const found = compare([{ figures: [one, two] }], [{ figures: [one] }]);
    assert.deepEqual(found.unmatched, ['q1/two']);
    assert.match(renderRepeats(found, { color: false }), /in one run only, not compared: q1\/two\n/);
  });

  it('of other hosts are refused, or forced and said', () => {
    const { host } = emulatedReport();
    const random = randomWords(8);
    assert.throws(() => compare([{}], [{ host }]), { code: 'COMPARE_EMULATED' });
    const other = { ...experimentReport().host, cpuModel: 'another' };
    assert.throws(() => compare([{}], [{ host: other }]), { code: 'COMPARE_HOSTS' });
    const forced = compare([{ figures: figures(random) }], [{ host: other, figures: figures(random) }], { force: true });
    assert(forced.forced);
    assert.match(renderRepeats(forced, { color: false }), /DIFFERENT HOSTS/);
    assert.throws(() => compareRepeats([named('a', [{}])]), { code: 'BAD_OPTION' });
  });
});

describe('reading a run to compare it', () => {
  const refuses = (text: string, code: string): void => {
    assert.throws(() => parseRun(text, 'some.json'), { code });
  };

  it('says what a file is that is none', () => {
    refuses('', 'REPORT_NOT_JSON');
    refuses('{"reportVersion":4}', 'REPORT_FOREIGN');
    refuses('[]', 'REPORT_FOREIGN');
    refuses(JSON.stringify([{ ...experimentReport(), reportVersion: 9 }]), 'REPORT_VERSION');
    refuses(JSON.stringify([experimentReport(), experimentReport()]), 'REPORT_DAMAGED');
    refuses(JSON.stringify([{ ...experimentReport(), figures: [{ id: 'f' }] }]), 'REPORT_DAMAGED');
  });

  it('takes reports without figures: not every verdict has any', () => {
    assert.deepEqual(parseRun(JSON.stringify([experimentReport()]), 'x').experiments[0].figures, []);
  });
});

/** What every experiment relies on: statistics, tables, plots, the report, and the reasons for having no answer. */
import assert from 'node:assert/strict';
import { EXPERIMENTS, EXPERIMENT_IDS, QUESTION_IDS, SCENARIO_IDS, listQuestions, renderExperiment, runExperiment, type Experiment, type ExperimentContext } from '../../lib/experiments/index.js';
import { quoted, rangeText, withFigures } from '../../lib/experiments/frame/figure.js';
import { lineOf, log10Us } from '../../lib/experiments/frame/plot-line.js';
import { renderPlot } from '../../lib/experiments/frame/plot.js';
import { columnTitle } from '../../lib/experiments/frame/render.js';
import { crossing, estimate, isNoise, median, quantile, shareInterval } from '../../lib/experiments/frame/statistics.js';
import { perRound, runRounds, type Trial } from '../../lib/experiments/workload/rounds.js';
import { unanswered } from '../../lib/experiments/frame/unanswered.js';
import { figuresOf, type WaitSample } from '../../lib/experiments/waits/whole-runs.js';
import { experimentReport } from '../report/reports.js';
import { requireKvm } from '../support/kvm-available.js';

describe('statistics of experiments', () => {
  it('find the middle, and other quantiles by interpolation', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.equal(quantile([0, 10], 0.25), 2.5);
    assert(Number.isNaN(median([])));
  });

  it('give an interval that holds the median, is the same each time, and is wide where samples are few', () => {
    const few = estimate([1, 5, 9]);
    assert.deepEqual(estimate([1, 5, 9]), few);
    assert(few.low < 1 && few.value === 5 && few.high > 9, 'three values do not bound the middle of all');
    const many = estimate(Array.from({ length: 300 }, (_, at) => (at % 10) + 1));
    assert(many.high - many.low <= 2, JSON.stringify(many));
  });

  it('are noise where the interval reaches nothing, or is wider than what it holds', () => {
    const of = (low: number, value: number, high: number): boolean => isNoise({ low, value, high, count: 5 });
    assert(of(-1, 10, 12) && of(0, 10, 12) && of(78, 772, 1600));
    assert(!of(108, 119, 126) && !of(1, 1, 1));
  });

  it('find where a curve rises through 1, on a logarithmic axis, and how sure that is', () => {
    const points = [
      { x: 1e3, ratios: [0.5, 0.5] },
      { x: 1e4, ratios: [0.5, 0.5] },
      { x: 1e5, ratios: [1.5, 1.5] },
      { x: 1e6, ratios: [3, 3] },
    ];
    const found = crossing(points, 1);
    assert(found !== null);
    assert(Math.abs(found.at - 10 ** 4.5) < 1, `${found.at}`);
    assert(found.bounded && found.low > 1e4 && found.high < 1e5, JSON.stringify(found));
    assert.equal(crossing(points.slice(0, 2), 1), null, 'never reaches 1');
    assert.equal(crossing(points.slice(2), 1), null, 'is never below it');
  });

  it('bound a share that was never seen away from certainty', () => {
    const { low, high } = shareInterval(0, 1000);
    assert.equal(low, 0);
    assert(high > 0.001 && high < 0.01);
    assert.deepEqual(shareInterval(0, 0), { low: 0, high: 1 });
  });
});

describe('figures of an experiment', () => {
  it('are left out where there was not one value of them: JSON has no number for it', async function () {
    requireKvm(this);
    const interrupted: Experiment = {
      id: 'q4', question: 'Is it so?', method: [], lacks: () => null,
      run: () => Promise.resolve({ ...unanswered('it was interrupted'), figures: [quoted('a', 'a', 'ns', estimate([])), quoted('b', 'b', 'ns', estimate([5]))] }),
    };
    const { figures } = await runExperiment(interrupted);
    assert.deepEqual(figures?.map(({ id }) => id), ['b']);
  });
  it('that are shares end at all of it', () => {
    const sample = (work: number, round: number): WaitSample => ({ arm: { id: 'halt' } as WaitSample['arm'], fetchNs: 1, round, run: { work, vcpuNs: 100, workPerNs: 1, latencyNs: 1, pages: 1 } as WaitSample['run'] });
    assert(estimate([0.9, 0.99, 1], 0.75).high > 1, 'an interval that does not know what it is of');
    const kept = figuresOf([90, 99, 100].map(sample), 'halt', 1)?.kept;
    assert(kept !== undefined && kept.high <= 1 && kept.low > 0 && kept.low < 0.9, JSON.stringify(kept));
  });
});

describe('rounds', () => {
  it('have one value each, in their order, and pauses between them', async () => {
    const said: string[] = [];
    const context: ExperimentContext = {
      host: experimentReport().host, chosen: [], remainingMs: () => 1000, samples: (usual) => usual, progress: () => undefined, interrupted: () => false, follow: () => undefined,
      pause: () => { said.push('pause'); return Promise.resolve(); },
    };
    const trial = (name: string): Trial<void> => ({ title: name, run: (round) => { said.push(`${name}${round}`); return Promise.resolve(); } });
    await runRounds(context, [trial('a'), trial('b')], { most: 2 });
    await runRounds(context, [trial('c')], { most: 1, from: 2 });
    assert.deepEqual(said, ['a0', 'b0', 'pause', 'b1', 'a1', 'pause', 'c2']);
    const samples = [{ round: 1, ns: 5 }, { round: 0, ns: 3 }, { round: 1, ns: 7 }, { round: 2, ns: NaN }];
    assert.deepEqual(perRound(samples, (ofRound) => median(ofRound.map(({ ns }) => ns))), [3, 6], 'what is no number is no value');
  });
});

describe('tables and plots of experiments', () => {
  it('name columns without their unit', () => {
    assert.equal(columnTitle('latencySyncNs'), 'latency sync');
    assert.equal(columnTitle('pagesPerSecond'), 'pages');
    assert.equal(columnTitle('notPresent'), 'not present');
    assert.deepEqual(['vcpus1PerSecond', 'vcpus4PerSecond', 'range', 'keptRange', 'interruptP50Ns'].map(columnTitle), ['with 1 vCPU', 'with 4 vCPUs', '95 % interval', 'kept, 95 % interval', 'interrupt median']);
    assert.notEqual(columnTitle('pairNs'), columnTitle('pairCycles'));
    assert.equal(columnTitle('constructor'), 'constructor', 'a name is text of whoever wrote the JSON');
  });

  it('give each line of a plot its own mark, at its own height', () => {
    const text = renderPlot({ title: 'costs', x: ['a', 'b', 'c'], y: 'us', lines: [{ name: 'up', values: [0, 5, 10] }, { name: 'down', values: [10, 5, null] }] });
    const rows = text.split('\n');
    assert.match(text, /o up {3}x down/);
    const read = renderPlot({ title: 'costs', x: ['a', 'b'], y: 'us', xLabel: 'place', better: 'lower', note: 'Mind the gap.', lines: [{ name: 'up', title: 'the way up', values: [0, 5] }] });
    assert.match(read, /^costs \(us; lower is better\)\n[^]*along: place\n[^]*up: the way up\n {3}Mind the gap\.$/);
    const top = rows.find((row) => row.trimStart().startsWith('10┤')) ?? '';
    assert(top.includes('x') && top.includes('o') && top.indexOf('x') < top.indexOf('o'), text);
  });

  it('have a band where there are intervals, also on a logarithmic axis', () => {
    const { values, low, high } = lineOf('a', [estimate([1e3, 2e3, 3e3]), estimate([1e3]), null], log10Us);
    assert.deepEqual([values[1], low?.[1], high?.[1]], [0, null, null], 'one round has none');
    assert.deepEqual([values[2], low?.[2], high?.[2]], [null, null, null]);
    assert(Number(low?.[0]) < Number(values[0]) && Number(values[0]) < Number(high?.[0]));
  });

  it('say of each figure how sure it is, and of one round that it is not', () => {
    const figures = [quoted('a', 'a time', 'ns', estimate([1000, 1100, 1050, 1020])), quoted('b', 'another', 'share', estimate([0.5]))];
    assert.deepEqual(figures.map(({ low, units }) => [low === null, units]), [[false, 4], [true, 1]]);
    const [table] = withFigures({ tables: [], figures });
    assert.match(String(table.rows[0]['interval']), /^\d+ ns to 1\.\d+ us$/);
    assert.deepEqual(table.rows[1], { figure: 'another', value: '50 %', interval: 'none', from: '1 round' });
    assert.equal(rangeText(estimate([5]), String), 'no interval: one round');
  });

  it('draw nothing of nothing', () => {
    assert.equal(renderPlot({ title: '', x: ['a'], y: '', lines: [{ name: 'none', values: [null] }] }), '');
  });
});

describe('the questions', () => {
  it('are sixteen, each once, with an experiment', () => {
    const ids: string[] = EXPERIMENTS.map(({ id }) => id);
    assert.deepEqual(ids.filter((id) => !(SCENARIO_IDS as readonly string[]).includes(id)).sort(), [...QUESTION_IDS].sort());
    assert.equal(new Set(ids).size, ids.length);
  });

  it('say what each needs of this host, in the order of their numbers', function () {
    requireKvm(this);
    const states = listQuestions(EXPERIMENTS);
    const ids = states.map(({ id }) => id);
    assert.deepEqual(ids, EXPERIMENT_IDS.filter((id) => ids.includes(id)));
    for (const { state, needs } of states) assert.equal(state === 'needs', needs !== null);
  });
});

describe('an experiment', () => {
  const bare: Experiment = { id: 'q1', question: 'Is it so?', method: ['By looking.'], lacks: () => null, run: () => Promise.reject(new Error('not to be run')) };

  it('that this host cannot answer says why, and is not run', async function () {
    requireKvm(this);
    const report = await runExperiment({ ...bare, lacks: () => 'KVM_CAP_X is 0 here' });
    assert.deepEqual(report.finding, { answered: false, why: 'this host cannot answer: KVM_CAP_X is 0 here' });
    const text = renderExperiment(report, { color: false });
    assert.match(text, /^Q1 {2}Is it so\?\n/);
    assert.match(text, /no verdict {2}this host cannot answer: KVM_CAP_X is 0 here/);
  });

  it('refuses a budget that makes no sense', async () => {
    await assert.rejects(runExperiment(bare, { budgetMs: 3 }), { code: 'BAD_OPTION' });
  });

  it('shows its verdict, its data with units, and what would change it', async function () {
    requireKvm(this);
    const report = await runExperiment({
      ...bare,
      run: (context) => {
        context.progress('looking', 0, 1);
        return Promise.resolve({
          finding: { answered: true, answer: 'yes', verdict: 'yes, in 3 of 3 cases' },
          changedBy: ['Another host.'],
          notReproduced: ['The rest.'],
          tables: [{ id: 't', title: 'Cases', note: 'Two of many.', rows: [{ what: 'a', latencyNs: 1500, lostShare: 0.5, isRight: true }, { what: `${'many words '.repeat(8)}at last`, latencyNs: -669_472, lostShare: 0, isRight: false }] }, { id: 'd', title: 'Hidden', detail: true, rows: [{ n: 1 }] }],
          plots: [],
        });
      },
    });
    const text = renderExperiment(report, { color: false });
    assert.match(text, /│ a +│ +1\.50 us │ +50\.0 % │ yes +│/);
    assert.match(text, /│ many words many words [a-z ]+│ +-669 us │/, 'a difference below 0 has its unit as any other');
    assert.match(text, /│ [a-z ]*at last +│ +│ +│ +│/, 'a long text goes on below');
    assert(Math.max(...text.split('\n').filter((line) => line.startsWith('│')).map(({ length }) => length)) < 100);
    assert.match(text, /┘\nTwo of many\.\n/);
    assert.match(text, /answer {3}Yes\.\nverdict {2}yes, in 3 of 3 cases\nwhat would change it\n {2}- Another host\.\nnot reproduced\n {2}- The rest\./);
    assert(!text.includes('Hidden'));
    assert.deepEqual(JSON.parse(JSON.stringify(report.tables)), report.tables);
  });
});

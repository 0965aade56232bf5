import assert from 'node:assert/strict';
import { ACCOUNT_PARTS, VCPU_PARTS, judge, type VcpuAccount, type VcpuPart } from '../../lib/bench/index.js';
import { readItems, renderPage, type ReportItem } from '../../lib/report/index.js';
import { PART_COLOURS } from '../../lib/report/plots/paper.js';
import { benchReport, emulatedReport, modeReport } from '../bench/reports.js';
import { experimentReport, faultAccount, someItems, speedReport } from './reports.js';

/** Everything in a JSON value that is text, replaced by something hostile. */
function poisoned<T>(value: T, text: string): T {
  const keep = /^(PVM|SVM|VMX|unknown|native|emulated|done|stopped|kvm-faultlab|ud2|int80|syscall|bench|experiment|speed|met|missed|ratio|ns|exit|locate|fetch|fill|resume|port-out|sync-exit|apf-kernel|start)$/;
  return JSON.parse(JSON.stringify(value), (_, one: unknown) => (typeof one === 'string' && !keep.test(one) ? text + one : one)) as T;
}

describe('a page', () => {
  const page = renderPage(someItems(), { title: 'A <title> & more', madeAt: '2026-11-21' });

  it('is one document that needs nothing from outside', () => {
    assert.match(page, /^<!doctype html>\n<html lang="en">/);
    assert.doesNotMatch(page, /<script|<link(?! rel="icon" href="data:,")|@import|url\(|<img|<iframe|<object|<embed/i);
    assert.doesNotMatch(page, /(?:src|href)="(?!#|data:,)/);
    assert.match(page, /default-src 'none'|default-src &#39;none&#39;/);
    assert.match(page, /prefers-color-scheme:dark/);
    assert.match(page, /<title>A &lt;title&gt; &amp; more<\/title>/);
  });
  it('draws every plot for wide and for narrow screens, with its data below', () => {
    const figures = [...page.matchAll(/<figure>.*?<\/figure>/gs)].map(([figure]) => figure);
    assert.ok(figures.length >= 5, `${figures.length} figures`);
    for (const figure of figures) {
      assert.equal([...figure.matchAll(/<svg class="wide"/g)].length, 1);
      assert.equal([...figure.matchAll(/<svg class="narrow"/g)].length, 1);
      assert.match(figure, /<details><summary>Data<\/summary>.*<td/s);
      assert.match(figure, /<path class="[^"]*" d="M[^"]+"/);
    }
    assert.doesNotMatch(page, /NaN|Infinity|undefined|\[object/);
  });
  it('says what was asked and what came of it, with break-even and method', () => {
    for (const said of ['From which fetch time on does async pay?', 'From 34 us on.', 'break-even 34 us', 'Three arms, in rounds.', 'The exit is emulated.', 'Every page arrived intact', 'AMD EPYC']) {
      assert.ok(page.includes(said), said);
    }
  });
  it('shows where the time of a fault goes: parts that add up, once more without fetching where that hides them', () => {
    const figureOf = (title: string): string => [...page.matchAll(/<figure>.*?<\/figure>/gs)].map(([one]) => one).find((one) => one.includes(`<h3>${title}</h3>`)) ?? '';
    const whole = figureOf('Where the time of a fault goes');
    const bars = (figure: string): number => [...figure.matchAll(/<path class="fill p\d+"/g)].length;
    assert.equal(bars(whole), 12, 'five parts and what is left, wide and narrow');
    assert.match(whole, /<th scope="row">sum<\/th><td class="num">100 us<\/td>/);
    assert.doesNotMatch(whole, /inject|scheduler/);
    const rest = figureOf('The same without fetching');
    assert.equal(bars(rest), 10);
    assert.match(rest, /<th scope="row">sum<\/th><td class="num">20(\.0)? us<\/td>/);
    const short = renderPage([{ kind: 'bench', name: 'b', report: benchReport({ modes: [modeReport({ account: faultAccount({ latencyNs: 1e6, unexplainedNs: 900_500 }) })] }) }]);
    assert.match(short, /Where the time of a fault goes/);
    assert.doesNotMatch(short, /The same without fetching/);
    assert.doesNotMatch(renderPage([{ kind: 'bench', name: 'b', report: benchReport() }]), /Where the time of a fault goes/);
  });
  it('shows figures of speed with their goals, and counts those that are met', () => {
    const text = renderPage([{ kind: 'speed', name: 's', report: speedReport() }]);
    assert.match(text, /2 of 3 goals met, 1 missed\./);
    assert.match(text, /at most 1\.150<\/td><td class="text">missed, 13\.0 % off/);
    assert.equal([...text.matchAll(/<path class="goal"/g)].length, 4, 'two goals of ratios, wide and narrow');
    assert.match(text, /TypeScript 2\.04 us, C 2\.00 us/);
  });
  it('shows where time and memory of speed go, and nothing of that for reports that do not say', () => {
    const parts = { ...Object.fromEntries(VCPU_PARTS.map((part) => [part, 0])), work: 600_000, vmm: 300_000 } as Record<VcpuPart, number>;
    const account: VcpuAccount = { wallNs: 1e6, parts, unexplainedNs: 100_000, missing: [], threads: null, kvm: {}, pages: 100, keptShare: 0.6 };
    const report = speedReport({ vcpuTimes: [{ figure: 'against-uffd', mode: 'apf-user', account }] });
    const start = { ...judge('start', { value: 80e6, low: 70e6, high: 90e6, count: 3 }), account: { whole: 80e6, parts: [{ name: 'modules', value: 60e6 }], unexplained: 20e6 } };
    const text = renderPage(readItems(JSON.stringify({ ...report, figures: [start] }), 's.json'));
    assert.match(text, /against-uffd, apf-user/);
    assert.match(text, /30\.0 %<small>3\.00 us/);
    assert.match(text, /modules<\/th><td[^>]*>60\.0 ms<\/td><td[^>]*>75\.0 %/);
    assert.match(text, /unexplained<\/th><td[^>]*>20\.0 ms/);
    assert.doesNotMatch(renderPage([{ kind: 'speed', name: 's', report: speedReport() }]), /Where it goes|Where the vCPU/);
  });
  it('shows nothing of a report as markup', () => {
    const evil = '"><img src=x onerror=alert(1)><script>alert(2)</script>\'</style>';
    const hostile = renderPage(poisoned(someItems(), evil), { title: evil, introduction: [evil] });
    assert.doesNotMatch(hostile, /<script|<img/);
    assert.equal(hostile.split('</style>').length, 2, 'the style element ends once');
    assert.ok(hostile.includes('&lt;script&gt;alert(2)'));
  });
  it('says where a mode failed, and does not believe the report that it passed', () => {
    const bad = modeReport({ integrity: { compared: 10, mismatched: 1, guestMismatches: 0, examples: [3], exact: true } });
    const text = renderPage([{ kind: 'bench', name: 'b', report: benchReport({ modes: [bad], passed: true }) }]);
    assert.match(text, /class="state bad">FAILED/);
  });
  it('explains its words, every mode of its benches and every proposal before it answers', () => {
    const text = renderPage([{ kind: 'bench', name: 'b', report: benchReport({ modes: [modeReport({ mode: 'apf-exitless' })] }) }, { kind: 'experiment', name: 'e', report: experimentReport() }]);
    const before = text.slice(text.indexOf('id="primer"'), text.indexOf('id="answers"'));
    for (const word of ['apf-exitless', 'sync-uffd', 'async-pf-userfault-2026', 'sync-async-2bit', 'gpa, gfn', 'CPL3, CPL0', 'ACCEPT, READY', 'wake-all']) assert.ok(before.includes(word), word);
    assert.doesNotMatch(renderPage([{ kind: 'experiment', name: 'e', report: experimentReport() }]), /apf-exitless/);
  });
  it('answers in a sentence at the top; figures come with the experiment', () => {
    const answers = page.slice(page.indexOf('id="answers"'), page.indexOf('</nav>'));
    assert.ok(answers.includes('From a break-even on.'));
    assert.ok(!answers.toLowerCase().includes('from 34 us on'));
  });
  it('answers first in an experiment, in a bold sentence, and gives the figures below it in smaller type', () => {
    assert.match(page, /<p>From which fetch time on does async pay\?<\/p>\n<p class="verdict"><b>From a break-even on\.<\/b><\/p><p class="how">From 34 us on\.<\/p>/);
  });
  it('says below a plot which way is better, what its lines and its mark are, and under what load it was measured', () => {
    const plot = { title: 'Costs', x: ['a', 'b'], xLabel: 'vCPUs', y: 'us', better: 'lower', load: 'One task.', note: 'Mind this.', lines: [{ name: 'sync', title: 'the vCPU waits', values: [1, 2], low: [1, 1], high: [2, 3] }] } as const;
    const text = renderPage([{ kind: 'experiment', name: 'e', report: experimentReport({ plots: [plot, { ...plot, better: 'higher' }] }) }]);
    assert.ok(text.includes('<p class="how">Lower is better. sync: the vCPU waits. Bands are 95 % intervals. One task. Mind this.</p>'));
    assert.ok(text.includes('Higher is better. sync'));
    assert.match(text, /text-anchor="end">vCPUs<\/text>/);
    assert.match(page, /Vertical line: where the two cost the same; grey: its 95 % interval\./);
  });
  it('shortens the label of a mark that would leave a narrow plot, and has all of it in the table', () => {
    const label = 'break-even 26.5 us (3.06 us to 38.0 us)';
    const text = renderPage([{ kind: 'experiment', name: 'e', report: experimentReport({ plots: [{ title: 'Costs', x: ['0', '1 ms'], y: 'us', xNs: [0, 1e6], lines: [{ name: 'sync', values: [1, 2] }], marks: [{ label, atNs: 26.5e3, lowNs: 3e3, highNs: 38e3 }] }] }) }]);
    const marked = (className: string): string => /<text class="note strong"[^>]*>([^<]*)</.exec(text.slice(text.indexOf(`<svg class="${className}"`)))?.[1] ?? '';
    assert.deepEqual([marked('wide'), marked('narrow')], [label, 'break-even 26.5 us']);
    assert.ok(text.includes(`<th scope="row">${label}</th>`));
  });
  it('has a note below a table', () => {
    const text = renderPage([{ kind: 'experiment', name: 'e', report: experimentReport({ tables: [{ id: 't', title: 'T', rows: [{ range: '1 to 2' }], note: 'Two clocks.' }] }) }]);
    assert.match(text, /95 % interval<\/th>[^]*<\/table><\/div><p class="how">Two clocks\.<\/p>/);
  });
  it('says what a page costs the other tasks, of modes of one kind alone', () => {
    const row = (mode: string, relative: number, pagesPerSecond: number, implementation: 'native' | 'emulated'): ReturnType<typeof modeReport> =>
      modeReport({ mode, implementation, pagesPerSecond, work: { controlPerSecond: 1000, pagingPerSecond: 1000 * relative, relative, controlDrift: 1, guestKernelShare: 0.1 } } as Parameters<typeof modeReport>[0]);
    const text = renderPage([{ kind: 'bench', name: 'b', report: benchReport({ modes: [row('sync-uffd', 0.2, 1000, 'native'), row('apf-kernel', 0.6, 4000, 'native'), row('apf-user', 0.9, 5000, 'emulated')] }) }]);
    assert.match(text, /apf-kernel kept 60.*4,000 pages a second; sync-uffd kept 20.*1,000 pages a second\. So a page cost the other tasks 100 us of their vCPU.*800 us in sync-uffd/);
  });
  it('has a colour for every part of an account, and one for what is left', () => {
    assert.equal(PART_COLOURS, ACCOUNT_PARTS.length + 1);
    for (let part = 0; part < PART_COLOURS; part++) assert.ok(page.includes(`.p${part}{color:`), `p${part}`);
  });
  it('says nothing of the work that modes kept where the host was too noisy', () => {
    const pageOf = (controlDrift: number): string => {
      const work = { controlPerSecond: 1000, pagingPerSecond: 500, relative: 0.5, controlDrift, guestKernelShare: 0.1 };
      return renderPage([{ kind: 'bench', name: 'b', report: benchReport({ modes: [modeReport(), modeReport({ mode: 'apf-user', work })] }) }]);
    };
    assert.match(pageOf(1.05), /kept 50/);
    assert.match(pageOf(1.6), /too noisy to say how much work/);
    assert.doesNotMatch(pageOf(1.6), /kept 50/);
  });
  it('says why there is no verdict', () => {
    const text = renderPage([{ kind: 'experiment', name: 'e', report: experimentReport({ finding: { answered: false, why: 'KVM_CAP_ASYNC_PF is 0 here' } }) }]);
    assert.match(text, /Q1 open/);
    assert.match(text, /No verdict: KVM_CAP_ASYNC_PF is 0 here/);
  });
  it('marks the figures of an emulated host in each plot', () => {
    const text = renderPage([{ kind: 'bench', name: 'b', report: emulatedReport() }]);
    const figures = [...text.matchAll(/<figure>.*?<\/figure>/gs)];
    assert.ok(figures.length > 0);
    for (const [figure] of figures) assert.match(figure, /EMULATED HOST/);
  });
  it('refuses runs of different hosts, and says so in every plot where it is forced', () => {
    const items: ReportItem[] = [...someItems(), { kind: 'bench', name: 'lab.json', report: emulatedReport() }];
    assert.throws(() => renderPage(items), { code: 'REPORT_HOSTS', message: /2 different hosts.*QEMU/ });
    const text = renderPage(items, { force: true });
    for (const [figure] of text.matchAll(/<figure>.*?<\/figure>/gs)) assert.match(figure, /Host [12] of 2: /);
  });
  it('refuses to be empty', () => {
    assert.throws(() => renderPage([]), { code: 'BAD_OPTION' });
  });
});

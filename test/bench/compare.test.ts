import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  REPORT_VERSION,
  compareReports,
  parseReport,
  renderComparison,
  type BenchReport,
  type CompareOptions,
  type ComparableReport,
  type Comparison,
  type ModeReport,
} from '../../lib/bench/index.js';
import { FaultLabError } from '../../lib/errors/index.js';
import { benchReport, emulatedReport, modeReport } from './reports.js';

// What bench writes is what compare reads: the compiler checks it here.
const read = (report: BenchReport): ComparableReport => report;

function compare(reports: readonly BenchReport[], options: Partial<CompareOptions> = {}): Comparison {
  return compareReports(
    reports.map((report, at) => ({ name: `${at}.json`, report: read(report) })),
    { verdictsOnly: false, ...options },
  );
}

const withMode = (changes: Partial<ModeReport>): BenchReport => benchReport({ modes: [modeReport(changes)] });

/** Of a report, as text, with one field set to something else (undefined: left out). */
function damaged(path: string, value: unknown): string {
  const report = JSON.parse(JSON.stringify(benchReport())) as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  const holder = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, report);
  holder[last] = value;
  return JSON.stringify(report);
}

describe('reading a report', () => {
  it('takes what bench wrote, with parameters and fields that it does not know', () => {
    const report = benchReport();
    const text = JSON.stringify({ ...report, surprise: 1, parameters: { ...report.parameters, policy: 'always' } });
    assert.deepEqual(parseReport(text, 'a.json').parameters, { ...report.parameters, policy: 'always' });
  });

  it('tells the points of a sweep apart, and holds each to its own number of pages', () => {
    const integrity = { compared: 5, mismatched: 0, guestMismatches: 0, examples: [], exact: true };
    const modes = [modeReport({ point: { pages: 10 } }), modeReport({ point: { pages: 5 }, pages: 5, integrity })];
    const report = parseReport(JSON.stringify(benchReport({ swept: [{ parameter: 'pages', values: [10, 5] }], modes })), 'a.json');
    assert.deepEqual(report.modes.map(({ mode }) => mode), ['sync-uffd, 10 pages', 'sync-uffd, 5 pages']);
    assert(compareReports([{ name: 'a', report }, { name: 'b', report }], { verdictsOnly: true }).allGood);
  });

  const refused: readonly [title: string, text: string, code: string, message: RegExp][] = [
    ['nothing', '', 'REPORT_NOT_JSON', /a\.json is not JSON/],
    ['a table', 'kvm-faultlab 0.1.0, bench of today', 'REPORT_NOT_JSON', /a\.json is not JSON/],
    ['the first half of a report', JSON.stringify(benchReport()).slice(0, 700), 'REPORT_NOT_JSON', /not all of it/],
    ['JSON of something else', '{"name":"kvm-faultlab"}', 'REPORT_FOREIGN', /no report of `kvm-faultlab bench`/],
    ['JSON that is no object', 'null', 'REPORT_FOREIGN', /no report/],
    ['a report of a later format', damaged('reportVersion', REPORT_VERSION + 1), 'REPORT_VERSION', new RegExp(`format ${REPORT_VERSION + 1}; this release reads format ${REPORT_VERSION}$`)],
    ['a report without a host', damaged('host', undefined), 'REPORT_DAMAGED', /host/],
    ['a report that does not say whether its host is emulated', damaged('host.emulated', undefined), 'REPORT_DAMAGED', /host\.emulated/],
    ['a negative time', damaged('modes.0.latency.p50Ns', -1), 'REPORT_DAMAGED', /modes\.0\.latency\.p50Ns/],
    ['half a page', damaged('modes.0.integrity.compared', 1.5), 'REPORT_DAMAGED', /modes\.0\.integrity\.compared/],
    ['no mode at all', damaged('modes', []), 'REPORT_DAMAGED', /no mode was run/],
    ['a mode twice', damaged('modes', [modeReport(), modeReport()]), 'REPORT_DAMAGED', /a mode is there twice/],
    ['a check twice', damaged('modes.0.events.checks.1', modeReport().events.checks[0]), 'REPORT_DAMAGED', /a check is there twice/],
  ];
  for (const [title, text, code, message] of refused) {
    it(`refuses ${title}, and says what is wrong`, () => {
      assert.throws(
        () => parseReport(text, 'a.json'),
        (error: unknown) => error instanceof FaultLabError && error.code === code && message.test(error.message) && error.hint !== undefined,
      );
    });
  }

  it('refuses any JSON with a coded error and never with another', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        assert.throws(() => parseReport(text, 'a.json'), (error: unknown) => error instanceof FaultLabError && error.code.startsWith('REPORT_'));
      }),
    );
  });

  it('survives any one field being anything', () => {
    const paths = ['host', 'host.kind', 'parameters', 'parameters.pages', 'parameters.latencyNs', 'modes', 'modes.0', 'modes.0.latency', 'modes.0.events.checks', 'tool', 'startedAt'];
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        let report: ComparableReport;
        try {
          report = parseReport(damaged(path, value), 'a.json');
        } catch (error) {
          assert(error instanceof FaultLabError, String(error));
          return;
        }
        const whole = [report, benchReport()].map((one, at) => ({ name: `${at}`, report: one }));
        renderComparison(compareReports(whole, { verdictsOnly: true }), { color: false });
      }),
    );
  });
});

describe('compared verdicts', () => {
  it('are the same for the same run, mode by mode and check by check', () => {
    const { sameVerdicts, allGood, verdicts } = compare([benchReport(), benchReport()]);
    assert(sameVerdicts && allGood);
    assert.deepEqual(
      verdicts.flatMap(({ rows }) => rows.map(({ what }) => what)),
      ['ran to its end', 'integrity: every page is that of the image', 'pages = pages'],
    );
  });

  const bad: readonly [title: string, changes: Partial<ModeReport>, what: RegExp][] = [
    ['a page that differs', { integrity: { compared: 10, mismatched: 1, guestMismatches: 0, examples: [3], exact: true } }, /integrity/],
    ['a page that the guest saw differ', { integrity: { compared: 10, mismatched: 0, guestMismatches: 1, examples: [], exact: true } }, /integrity/],
    ['a page that was not compared', { integrity: { compared: 9, mismatched: 0, guestMismatches: 0, examples: [], exact: true } }, /integrity/],
    ['a run that was stopped', { end: 'stopped' }, /ran to its end/],
    ['counts that differ', { events: { ...modeReport().events, checks: [{ what: 'pages = pages', guest: 10, host: 11, agree: true }] } }, /pages = pages/],
  ];
  for (const [title, changes, what] of bad) {
    it(`differ for ${title}, whatever the report says of itself`, () => {
      const { sameVerdicts, allGood, verdicts } = compare([benchReport(), withMode(changes)]);
      assert(!sameVerdicts && !allGood);
      const differing = verdicts[0].rows.filter(({ same }) => !same);
      assert.equal(differing.length, 1);
      assert.match(differing[0].what, what);
      assert.deepEqual(differing[0].verdicts, ['good', 'bad']);
    });
  }

  it('are the same but not good when all are bad alike', () => {
    const { sameVerdicts, allGood } = compare([withMode({ end: 'stopped' }), withMode({ end: 'stopped' })]);
    assert(sameVerdicts && !allGood);
  });

  it('differ for a mode or a check that one report lacks', () => {
    const more = benchReport({ modes: [modeReport(), modeReport({ mode: 'sync-exit' })] });
    const comparison = compare([benchReport(), more]);
    assert(!comparison.sameVerdicts);
    assert.deepEqual(comparison.verdicts[1].rows[0].verdicts, ['absent', 'good']);
    assert(!compare([benchReport(), withMode({ events: { ...modeReport().events, checks: [] } })]).sameVerdicts);
  });
});

describe('compared figures', () => {
  it('are ratios to the first report; none for what may be negative or is not there', () => {
    const { figures } = compare([benchReport(), withMode({ pagesPerSecond: 30, latency: null }), withMode({ pagesPerSecond: 0 })]);
    const of = (name: string): readonly (number | null)[] | undefined => figures?.[0].rows.find(({ figure }) => figure === name)?.ratios;
    assert.deepEqual(of('pagesPerSecond'), [1, 1.5, 0]);
    assert.deepEqual(of('latencyP50Ns'), [1, null, 1]);
    assert.deepEqual(of('notPresentNs'), [null, null, null]);
    assert.deepEqual(of('controlDrift'), [null, null, null]);
  });

  it('are given for the modes that all reports have', () => {
    const more = benchReport({ modes: [modeReport({ mode: 'sync-exit' }), modeReport()] });
    assert.deepEqual(compare([more, benchReport()]).figures?.map(({ mode }) => mode), ['sync-uffd']);
  });

  it('of emulated hosts never meet others: refused, and left out when verdicts alone are asked for', () => {
    for (const reports of [[benchReport(), emulatedReport()], [emulatedReport(), emulatedReport(), benchReport()]]) {
      assert.throws(() => compare(reports), { code: 'COMPARE_EMULATED', message: /QEMU TCG CPU/, hint: /--verdicts/ });
      const comparison = compare(reports, { verdictsOnly: true });
      assert.equal(comparison.figures, null);
      assert(comparison.sameVerdicts);
    }
    const sameKind = emulatedReport({ host: { ...emulatedReport().host, kind: 'PVM' } });
    assert.throws(() => compare([benchReport(), sameKind]), { code: 'COMPARE_EMULATED' });
  });

  it('of different hosts are refused, unless it is forced and then said; another kernel is no other host', () => {
    const on = (kind: BenchReport['host']['kind']): BenchReport => benchReport({ host: { ...benchReport().host, kind } });
    const reports = [on('PVM'), on('VMX')];
    assert.throws(() => compare(reports), { code: 'COMPARE_HOSTS', message: /2 different hosts: PVM.*VMX/, hint: /--force/ });
    assert.equal(compare(reports, { verdictsOnly: true }).figures, null);
    const forced = compare(reports, { force: true });
    assert.notEqual(forced.figures, null);
    assert.match(renderComparison(forced, { color: false }), /DIFFERENT HOSTS[^]*Figures: sync-uffd \(of different hosts\)/);
    assert.throws(() => compare([benchReport(), emulatedReport()], { force: true }), { code: 'COMPARE_EMULATED' });
    const kernels = ['6.18.0', '7.0.0'].map((kernelRelease) => benchReport({ host: { ...benchReport().host, kernelRelease } }));
    assert.equal(compare(kernels).forced, false);
    assert.equal(compare([on('unknown'), on('unknown')]).figures, null);
    assert.notEqual(compare([on('VMX'), on('VMX')]).figures, null);
  });

  it('say so when a mode of one name ran under two interfaces, or two policies', () => {
    const other = benchReport({ parameters: { ...benchReport().parameters, uapi: 'sync-async-2bit', policy: 'state' } });
    const comparison = compare([benchReport(), other]);
    assert.deepEqual(comparison.differences, [
      { what: 'uapi', values: ['stock', 'sync-async-2bit'] },
      { what: 'policy', values: ['always-async', 'state'] },
    ]);
    assert.match(renderComparison(comparison, { color: false }), /uapi +│ +stock │ +sync-async-2bit/);
  });

  it('come with what differs besides: kernel, parameters', () => {
    const other = benchReport({ host: { ...benchReport().host, kernelRelease: '7.0' }, parameters: { ...benchReport().parameters, latencyNs: 5 } });
    assert.deepEqual(compare([benchReport(), other]).differences, [
      { what: 'kernel', values: ['6.18.0', '7.0'] },
      { what: 'latencyNs', values: [0, 5] },
    ]);
  });
});

describe('a comparison as text', () => {
  it('names the reports, the verdicts that differ and the modes they are in', () => {
    const text = renderComparison(compare([benchReport(), withMode({ end: 'stopped' })]), { color: false });
    assert.match(text, /^1 {2}0\.json: PVM, Linux 6\.18\.0/m);
    assert.match(text, /ran to its end .*good .*BAD .*DIFFERS/);
    assert.match(text, /VERDICTS DIFFER: in sync-uffd$/);
    assert(!text.includes('\u001b'));
  });

  it('marks the times of emulated hosts, not their counts', () => {
    const text = renderComparison(compare([emulatedReport(), emulatedReport()]), { color: false });
    assert.match(text, /fault latency p50 \* /);
    assert.match(text, /KVM_RUN exits {2,}│/);
    assert.match(text, /^\* EMULATED HOST/m);
    assert.doesNotMatch(renderComparison(compare([benchReport(), benchReport()]), { color: false }), /EMULATED|\*/);
  });

  it('lets no control character of a report reach the terminal', () => {
    const nasty = '\u001b]0;owned\u0007\u009b31m\u202e';
    const report = benchReport({ startedAt: nasty, host: { ...benchReport().host, cpuModel: nasty, kernelRelease: nasty }, modes: [modeReport({ events: { ...modeReport().events, checks: [{ what: nasty, guest: 1, host: 1, agree: true }] } })] });
    const text = renderComparison(compare([report, report]), { color: false });
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});

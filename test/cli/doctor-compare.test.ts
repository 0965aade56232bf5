import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { columnTitles, compareFacts, type FactComparison, type NamedReport } from '../../lib/cli/doctor/compare/comparison.js';
import { parseDoctorReport } from '../../lib/cli/doctor/compare/parse-report.js';
import { renderComparisonMarkdown } from '../../lib/cli/doctor/compare/render-markdown.js';
import { renderComparisonText } from '../../lib/cli/doctor/compare/render-text.js';
import { tableShape } from '../../lib/cli/doctor/compare/shape.js';
import { main } from '../../lib/cli/main.js';
import { FaultLabError } from '../../lib/errors/index.js';
import type { Fact } from '../../lib/probes/index.js';
import { benchReport } from '../bench/reports.js';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { patience } from '../support/slowness.js';
import { doctorReport, factsWith, hostWith } from './doctor-reports.js';

const CLI = fileURLToPath(new URL('./children/cli.js', import.meta.url));

const named = (name: string, facts: readonly Fact[], host = hostWith()): NamedReport => ({ name, host, facts });
const plain = (comparison: FactComparison, all = false): string => renderComparisonText(comparison, { colors: false, width: 120, all });

describe('comparing facts', () => {
  it('finds no differences between a report and itself, whatever the details say', () => {
    const [first, second] = [factsWith('yes'), factsWith('yes').map((fact) => ({ ...fact, detail: 'otherwise' }))];
    const comparison = compareFacts([named('a', first), named('b', second)]);
    assert(comparison.rows.every(({ same }) => same));
    assert.match(plain(comparison), /^no differences in 3 facts$/m);
    assert.equal(renderComparisonMarkdown(comparison, { all: false }), 'No differences in 3 facts.');
  });

  it('shows the facts that differ, or all of them, below the names of their groups', () => {
    const comparison = compareFacts([named('a', factsWith('yes')), named('b', factsWith('no'), hostWith({ kind: 'PVM' }))]);
    const text = plain(comparison);
    assert.match(text, /^First\none +yes +no$/m);
    assert.match(text, /^Second\none +yes +no$/m);
    assert(!text.includes('always'));
    assert.match(text, /^2 of 3 facts differ$/m);
    assert.match(plain(comparison, true), /^two +always +always$/m);
  });

  it('puts a fact that one report lacks where it belongs, and says that it was not asked', () => {
    const more: Fact[] = [...factsWith('yes'), { id: 'a-three', group: 'First', title: 'three', answer: 'new' }];
    const comparison = compareFacts([named('old', factsWith('yes')), named('new', more)]);
    assert.deepEqual(comparison.rows.map(({ id }) => id), ['a-one', 'a-two', 'a-three', 'b-one']);
    assert.match(plain(comparison), /^three +not asked +new$/m);
  });

  it('takes no answer for an answer of its own, with its reason', () => {
    const cannot: Fact[] = [{ id: 'a-one', group: 'First', title: 'one', cannot: 'no KVM' }];
    const [row] = compareFacts([named('a', cannot), named('b', factsWith('yes'))]).rows;
    assert.equal(row.same, false);
    assert.match(plain(compareFacts([named('a', cannot), named('b', factsWith('yes'))])), /^one +cannot tell: no KVM +yes$/m);
    assert.equal(compareFacts([named('a', cannot), named('b', cannot)]).rows[0].same, true);
  });

  it('heads columns with kind and kernel, marks emulated hosts, and names files where two are alike', () => {
    const facts = factsWith('yes');
    const titles = columnTitles(compareFacts([named('here', facts, hostWith({ kind: 'PVM' })), named('a.json', facts), named('b.json', facts), named('lab', facts, hostWith({ emulated: true }))]));
    assert.deepEqual(titles, ['PVM, Linux 6.12.0', 'SVM, Linux 6.12.0 (a.json)', 'SVM, Linux 6.12.0 (b.json)', 'SVM, Linux 6.12.0, CPU emulated']);
  });

  it('writes tables that Markdown reads: a column for each host, special characters as they are, a row for facts with the same answers', () => {
    const odd = (answer: string): Fact[] => [
      { id: 'x', group: 'Group', title: 'a | b', answer },
      { id: 'y', group: 'Group', title: '<c>', answer },
      { id: 'z', group: 'Group', title: 'd', answer: 'same*' },
    ];
    const comparison = compareFacts([named('a', odd('1')), named('b', odd('2'), hostWith({ kind: 'VMX' }))]);
    assert.deepEqual(renderComparisonMarkdown(comparison, { all: true }).split('\n'), [
      '|  | SVM, Linux 6.12.0 | VMX, Linux 6.12.0 |',
      '| --- | --- | --- |',
      '| **Group** |  |  |',
      '| a \\| b; &lt;c> | 1 | 2 |',
      '',
      'The same on all of them:',
      '',
      '|  | all hosts |',
      '| --- | --- |',
      '| **Group** |  |',
      '| d | same\\* |',
    ]);
  });

  it('prints no control characters of a report', () => {
    const evil: Fact[] = [{ id: 'x', group: 'g\u001b[31m', title: 't\r\n', answer: '\u001b]0;title\u0007' }];
    const comparison = compareFacts([named('a\u001b', evil), named('b', factsWith('yes'))]);
    const text = plain(comparison, true);
    assert.equal(text, stripVTControlCharacters(text));
    assert.doesNotMatch(text.replaceAll('\n', '') + renderComparisonMarkdown(comparison, { all: true }).replaceAll('\n', ''), /[\u0000-\u001f]/);
  });

  it('has a shape that follows the probes and the form, and nothing else', () => {
    const groups = [{ id: 'g', title: 'Group', probes: [{ id: 'p', title: 'probe', find: () => ({ answer: 'x' }) }] }];
    const shape = tableShape(groups);
    assert.match(shape, /^[0-9a-f]{12}$/);
    assert.equal(tableShape(groups.map((group) => ({ ...group, probes: group.probes.map((probe) => ({ ...probe, find: () => ({ answer: 'y' }) })) }))), shape);
    const others = [
      groups.map((group) => ({ ...group, title: 'Other' })),
      groups.map((group) => ({ ...group, probes: group.probes.map((probe) => ({ ...probe, title: 'other' })) })),
      groups.map((group) => ({ ...group, probes: group.probes.map((probe) => ({ ...probe, id: 'q' })) })),
      groups.map((group) => ({ ...group, probes: [...group.probes, { ...group.probes[0], id: 'q', title: 'another' }] })),
    ].map(tableShape);
    assert.equal(new Set([shape, ...others]).size, 5);
  });
});

describe('reading a report of the doctor', () => {
  const codeOf = (text: string): string => {
    try {
      parseDoctorReport(text, 'file.json');
      return 'read';
    } catch (error) {
      assert(error instanceof FaultLabError, String(error));
      assert(error.message.includes('file.json') && error.hint !== undefined, error.message);
      return error.code;
    }
  };
  const json = (value: unknown): string => JSON.stringify(value);

  it('reads what doctor --json writes', () => {
    assert.deepEqual(parseDoctorReport(json(doctorReport()), 'x'), { host: hostWith(), facts: factsWith('yes') });
  });

  it('refuses with a code what is none, none of this release, or damaged', () => {
    assert.equal(codeOf(''), 'REPORT_NOT_JSON');
    assert.equal(codeOf(json(doctorReport()).slice(0, -20)), 'REPORT_NOT_JSON');
    for (const foreign of [null, 7, [], {}, benchReport(), { ...doctorReport(), tool: { name: 'other' } }]) assert.equal(codeOf(json(foreign)), 'REPORT_FOREIGN', json(foreign).slice(0, 60));
    assert.equal(codeOf(json(doctorReport({ doctorVersion: 99 }))), 'REPORT_VERSION');
    const [fact] = factsWith('yes');
    const { facts, ...withoutFacts } = doctorReport();
    assert(facts !== undefined);
    for (const damaged of [
      withoutFacts,
      doctorReport({ facts: [] }),
      doctorReport({ facts: [fact, fact] }),
      { ...doctorReport(), facts: [{ ...fact, answer: 7 }] },
      { ...doctorReport(), facts: [{ id: 'x', group: 'g', title: 't' }] },
      { ...doctorReport(), host: { ...hostWith(), kind: 'Xen' } },
      { ...doctorReport(), host: undefined },
    ]) {
      assert.equal(codeOf(json(damaged)), 'REPORT_DAMAGED', json(damaged).slice(0, 200));
    }
  });
});

/** Runs the command line in this process: starting Node for each would take the longer part of the tests' time where a CPU is emulated. */
async function doctor(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' };
  const original = { stdout: process.stdout.write, stderr: process.stderr.write };
  for (const stream of ['stdout', 'stderr'] as const) {
    process[stream].write = (text: string | Uint8Array): boolean => {
      written[stream] += String(text);
      return true;
    };
  }
  try {
    return { code: await main(['doctor', ...args]), ...written };
  } finally {
    for (const stream of ['stdout', 'stderr'] as const) process[stream].write = original[stream];
  }
}

describe('kvm-faultlab doctor --compare', function () {
  this.timeout(patience(60_000));
  let folder = '';
  const file = (name: string): string => join(folder, name);

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'doctor-compare-'));
    const files = { a: doctorReport(), b: doctorReport({ facts: factsWith('no'), host: hostWith({ kind: 'VMX' }) }), bench: benchReport(), later: doctorReport({ doctorVersion: 99 }) };
    for (const [name, content] of Object.entries(files)) writeFileSync(file(`${name}.json`), JSON.stringify(content));
    writeFileSync(file('text.json'), 'host  PVM');
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('prints a column for each file, ends with 0 and colours only a terminal', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'doctor', '--no-here', '--compare', 'a.json', 'b.json'], { cwd: folder, encoding: 'utf8', timeout: patience(30_000) });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^ +SVM, Linux 6\.12\.0 +VMX, Linux 6\.12\.0$/m);
    assert(!stdout.includes('\u001b['), 'colours without a terminal');
  });

  it('prints JSON and Markdown as well', async () => {
    const files = [file('a.json'), file('b.json')];
    const comparison = JSON.parse((await doctor('--no-here', '--json', '--compare', ...files)).stdout) as FactComparison;
    assert.deepEqual(comparison.hosts.map(({ name }) => name), files);
    assert.deepEqual(comparison.rows.map(({ id }) => id), ['a-one', 'b-one']);
    const all = JSON.parse((await doctor('--no-here', '--json', '--all', '--compare', ...files)).stdout) as FactComparison;
    assert.equal(all.rows.length, 3);
    assert.match((await doctor('--no-here', '--markdown', '--compare', ...files)).stdout, /^\| one \| yes \| no \|$/m);
  });

  it('says that a report and itself do not differ', async () => {
    assert.match((await doctor('--no-here', '--compare', file('a.json'), file('a.json'))).stdout, /no differences in 3 facts/);
  });

  it('ends with 2 and a code for what it cannot read or is not told', async () => {
    for (const [args, code] of [
      [['--compare', file('a.json'), file('nowhere.json')], 'REPORT_UNREADABLE'],
      [['--compare', file('a.json'), folder], 'REPORT_UNREADABLE'],
      [['--compare', file('text.json')], 'REPORT_NOT_JSON'],
      [['--compare', file('bench.json')], 'REPORT_FOREIGN'],
      [['--compare', file('later.json')], 'REPORT_VERSION'],
      [['--compare'], 'BAD_OPTION'],
      [['--compare', file('a.json'), '--no-here'], 'BAD_OPTION'],
      [['--compare', file('a.json'), '--json', '--markdown'], 'BAD_OPTION'],
      [['--all'], 'BAD_OPTION'],
      [['--no-here'], 'BAD_OPTION'],
      [['--markdown'], 'BAD_OPTION'],
    ] as const) {
      const { code: exitCode, stdout, stderr } = await doctor(...args);
      assert.equal(exitCode, 2, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, new RegExp(`\\[${code}\\]`));
      assert.equal(stdout, '');
    }
  });

  it('finds no difference between this host and a report that doctor --json just made here', async function () {
    requireKvm(this);
    const made = await doctor('--json');
    assert([0, 1].includes(made.code), made.stderr);
    writeFileSync(file('here.json'), made.stdout);
    const { code, stdout, stderr } = await doctor('--compare', file('here.json'));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /no differences in \d{3} facts/, stdout);
    noteKvmUse();
  });

  it('shows facts after the modes when asked, and not otherwise', async function () {
    requireKvm(this);
    const plainText = async (...args: string[]): Promise<string> => stripVTControlCharacters((await doctor(...args)).stdout);
    assert.match(await plainText('--facts'), /delivery modes [^]*^What CPL3 may do$[^]*^ud2 +#UD$/m);
    assert.doesNotMatch(await plainText(), /What CPL3 may do/);
    noteKvmUse();
  });
});

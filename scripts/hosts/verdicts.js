/** What hosts said, side by side. Pure: what to print and whether it is good. */

/** @typedef {{ file: string, title: string, verdict: 'passed' | 'failed' | 'skipped', durationMs: number, reason?: string, hostCannot?: boolean }} TestVerdict */
/** @typedef {{ recordVersion: number, passed: number, failed: number, skipped: number, onKvm: number, kvmFiles: readonly string[], tests: readonly TestVerdict[] }} TestRecord */
/** @typedef {import('../../lib/bench/index.js').BenchReport} BenchReport */

/**
 * @typedef {object} HostVerdicts
 * @property {string} name of the host's choice
 * @property {string} title for people
 * @property {TestRecord | null} tests null when the run left none
 * @property {string | null} testsEnding null when it ended well
 * @property {number} testsSeconds the tests took
 * @property {string} testsLog path
 * @property {BenchReport | null} bench null when there is none
 * @property {boolean} benchAsked whether there should be one
 * @property {string | null} benchEnding null when it ended well
 * @property {string} benchLog path
 */

/**
 * @typedef {object} SideBySide
 * @property {readonly (readonly string[])[]} rows of the table: a label, then a cell for each host
 * @property {readonly string[]} differences tests that failed somewhere, or whose verdict is not the same everywhere, with the reasons
 * @property {readonly string[]} faults what is wrong; empty when all is well
 */

/**
 * @param {HostVerdicts} host whose verdict on one mode
 * @param {string} mode its name
 * @returns {string} the same words on each host that did equally well
 */
function modeVerdict({ bench }, mode) {
  const report = bench?.modes.find((candidate) => candidate.mode === mode);
  if (report === undefined) return 'no result';
  const counts = report.events.checks.every(({ agree }) => agree) ? 'counts agree' : 'COUNTS DISAGREE';
  return `${report.integrity.exact ? 'intact' : 'CORRUPT'}, ${counts}${report.end === 'done' ? '' : `, ${report.end.toUpperCase()}`}`;
}

/**
 * @param {HostVerdicts} host that ran
 * @returns {string} its kind and kernel, as the bench found them
 */
function heading({ bench, title }) {
  if (bench === null) return title;
  const { kind, kernelRelease, emulated } = bench.host;
  return `${kind} ${kernelRelease}${emulated ? ' (emulated)' : ''}`;
}

/**
 * @param {TestRecord} tests that ran on a host
 * @param {readonly string[]} [leftOut] files and directories that are not wanted all the same
 * @returns {readonly string[]} files in which another host may come to other verdicts: those that used KVM, and those with tests that this host cannot run
 */
export function hostFiles({ kvmFiles, tests }, leftOut = []) {
  const beyond = tests.filter(({ verdict, hostCannot }) => verdict === 'skipped' && hostCannot === true).map(({ file }) => file);
  const isLeftOut = (/** @type {string} */ file) => leftOut.some((name) => file === name || file.startsWith(`${name}/`));
  return [...new Set([...kvmFiles, ...beyond])].filter((file) => !isLeftOut(file)).sort();
}

/**
 * @param {readonly HostVerdicts[]} hosts at least one
 * @param {ReadonlySet<string> | null} files that all of them ran; null for all
 * @returns {readonly string[]} tests with more than one verdict, or a bad one
 */
function testDifferences(hosts, files) {
  /** @type {Map<string, Map<string, TestVerdict>>} */
  const byTest = new Map();
  for (const { name, tests } of hosts) {
    for (const test of tests?.tests ?? []) {
      if (files !== null && !files.has(test.file)) continue;
      const key = `${test.file} ${test.title}`;
      byTest.set(key, (byTest.get(key) ?? new Map()).set(name, test));
    }
  }
  const recorded = hosts.filter(({ tests }) => tests !== null);
  const lines = [];
  for (const [key, verdicts] of [...byTest].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const kinds = new Set([...verdicts.values()].map(({ verdict }) => verdict));
    if (verdicts.size === recorded.length && kinds.size === 1 && !kinds.has('failed')) continue;
    lines.push(key);
    for (const { name } of recorded) {
      const test = verdicts.get(name);
      lines.push(`  ${name}: ${test === undefined ? 'not run' : test.verdict}${test?.reason === undefined ? '' : `: ${test.reason.split('\n')[0] ?? ''}`}`);
    }
  }
  return lines;
}

/**
 * @param {readonly HostVerdicts[]} hosts in the order of the columns
 * @param {ReadonlySet<string> | null} [files] that all of them ran; null for all
 * @returns {SideBySide} what to print
 */
export function sideBySide(hosts, files = null) {
  const faults = [];
  for (const { title, tests, testsEnding, bench, benchAsked, benchEnding } of hosts) {
    if (tests === null) faults.push(`${title}: the tests left no record (${testsEnding ?? 'although they ended well'})`);
    else if (tests.failed > 0 || testsEnding !== null) faults.push(`${title}: ${String(tests.failed)} tests failed (${testsEnding ?? 'although the run ended well'})`);
    else if (tests.onKvm === 0) faults.push(`${title}: no test used KVM`);
    if (benchAsked && (bench === null || !bench.passed)) faults.push(`${title}: the bench ${bench === null ? 'left no report' : 'did not pass'} (${benchEnding ?? 'although it ended well'})`);
  }

  const cells = (/** @type {(host: HostVerdicts) => string} */ cell) => hosts.map(cell);
  const ofTests = (/** @type {(tests: TestRecord) => string} */ cell) => cells(({ tests }) => (tests === null ? '-' : cell(tests)));
  const rows = [
    ['', ...cells(heading)],
    ['tests passed', ...ofTests(({ passed }) => String(passed))],
    ['  of them on KVM', ...ofTests(({ onKvm }) => String(onKvm))],
    ['tests failed', ...ofTests(({ failed }) => String(failed))],
    ['tests skipped', ...ofTests(({ skipped }) => String(skipped))],
    ['tests took', ...cells(({ testsSeconds }) => `${testsSeconds.toFixed(0)} s`)],
  ];
  if (hosts.some(({ benchAsked }) => benchAsked)) {
    rows.push(['bench: pages', ...cells(({ bench }) => (bench === null ? '-' : String(bench.parameters.pages)))]);
    const modes = [...new Set(hosts.flatMap(({ bench }) => bench?.modes.map(({ mode }) => /** @type {string} */ (mode)) ?? []))];
    for (const mode of modes) {
      const verdicts = hosts.filter(({ benchAsked }) => benchAsked).map((host) => modeVerdict(host, mode));
      if (new Set(verdicts).size > 1) faults.push(`bench ${mode}: the hosts disagree`);
      rows.push([`bench: ${mode}`, ...cells((host) => (host.benchAsked ? modeVerdict(host, mode) : '-'))]);
    }
  }
  return { rows, differences: testDifferences(hosts, files), faults };
}

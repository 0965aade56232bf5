/** Runs the tests and a bench on one host and gathers their verdicts. */
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { join } from 'node:path';
import { IN_CI } from '../setup/ci.js';
import { inRoot } from '../setup/checkout.js';

/** @typedef {import('./verdicts.js').HostVerdicts} HostVerdicts */

/** What the lab takes to boot and to power off, on top of its command's limit. */
const LAB_MARGIN_SECONDS = 200;
const TAIL_LINES = 25;

/**
 * @param {readonly string[]} command with its arguments
 * @param {string} log file for both its outputs
 * @param {number} limitSeconds it may take
 * @returns {Promise<string | null>} null when it ended with 0, otherwise how it ended
 */
async function run([program = '', ...args], log, limitSeconds) {
  const file = createWriteStream(log);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: inRoot() });
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGTERM');
  }, limitSeconds * 1000);
  const onInterrupt = () => { child.kill('SIGINT'); };
  process.on('SIGINT', onInterrupt);
  const ending = await new Promise((resolve) => {
    child.on('error', (error) => { resolve(error.message); });
    child.on('close', (code, signal) => { resolve(timedOut ? `did not end within ${String(limitSeconds)} s` : code === 0 ? null : `ended with ${signal ?? String(code)}`); });
  });
  clearTimeout(timer);
  process.off('SIGINT', onInterrupt);
  file.end();
  await finished(file);
  return ending;
}

/**
 * @param {string} path of a JSON file
 * @returns {any} its content; null when it is not there or no JSON
 */
function readJson(path) {
  try {
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} path of a log
 * @returns {string} its end, indented
 */
export function logTail(path) {
  return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).map((line) => `  | ${line}`).join('\n') : '';
}

/**
 * @param {import('./host.js').HostChoice} host that ran before
 * @param {boolean} benchAsked whether its bench counts
 * @returns {HostVerdicts} what it left in its directory
 */
export function earlierRun(host, benchAsked) {
  const out = inRoot('dist/hosts', host.name);
  const tests = /** @type {import('./verdicts.js').TestRecord | null} */ (readJson(join(out, 'tests.json')));
  return {
    name: host.name,
    title: host.title,
    tests,
    testsEnding: tests === null ? 'there is no earlier run' : null,
    testsSeconds: (tests?.tests ?? []).reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000,
    testsLog: join(out, 'tests.log'),
    bench: benchAsked ? readJson(join(out, 'bench.json')) : null,
    benchAsked,
    benchEnding: null,
    benchLog: join(out, 'bench.log'),
  };
}

/**
 * @param {import('./host.js').HostChoice} host to run on
 * @param {object} job what to run
 * @param {readonly string[]} job.mochaArguments handed on
 * @param {readonly string[] | null} job.files test files, below dist/test; null for all
 * @param {readonly string[] | null} job.bench arguments of the bench; null for none
 * @param {number} job.limitSeconds for each of the two
 * @param {number | null} job.cpus of an emulated host; null for as many as it usually has
 * @param {() => boolean} job.stopped whether nothing further is to be started
 * @param {(line: string) => void} job.say told what goes on
 * @returns {Promise<HostVerdicts>} what came of it
 */
export async function runHost(host, { mochaArguments, files, bench, limitSeconds, cpus, stopped, say }) {
  const out = inRoot('dist/hosts', host.name);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const margin = host.emulated ? LAB_MARGIN_SECONDS : 0;
  const there = (/** @type {readonly string[]} */ command, /** @type {string} */ log) => run(host.reach({ out, limitSeconds, cpus, command }), join(out, log), limitSeconds + margin);

  const startedAt = Date.now();
  const record = join(out, 'tests.json');
  const environment = [`KVM_FAULTLAB_TEST_RECORD=${record}`, ...(IN_CI ? ['CI=true'] : [])];
  // Mocha adds files of its command line to those of its configuration: to leave some out takes another one.
  const configuration = join(out, 'mocharc.json');
  if (files !== null) {
    const usual = readJson(inRoot('.mocharc.json'));
    writeFileSync(configuration, JSON.stringify({ ...usual, spec: files.map((file) => join('dist/test', file)) }));
  }
  say(`${host.title}: tests`);
  const testsEnding = await there(['env', ...environment, 'npm', 'test', '--silent', '--', ...(files === null ? [] : ['--config', configuration]), ...mochaArguments], 'tests.log');
  const testsSeconds = (Date.now() - startedAt) / 1000;
  say(`${host.title}: tests ${testsEnding ?? 'passed'} (${testsSeconds.toFixed(0)} s)`);

  let benchEnding = null;
  const report = join(out, 'bench.json');
  if (bench !== null && !stopped()) {
    say(`${host.title}: bench ${bench.join(' ')}`);
    benchEnding = await there([process.execPath, 'scripts/kvm-faultlab.js', 'bench', ...bench, '--json', report], 'bench.log');
    say(`${host.title}: bench ${benchEnding ?? 'passed'}`);
  }
  return {
    name: host.name,
    title: host.title,
    tests: readJson(record),
    testsEnding,
    testsSeconds,
    testsLog: join(out, 'tests.log'),
    bench: bench === null ? null : readJson(report),
    benchAsked: bench !== null,
    benchEnding,
    benchLog: join(out, 'bench.log'),
  };
}

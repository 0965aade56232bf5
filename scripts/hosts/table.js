/**
 * `npm run hosts:table`: writes the table of docs/HOSTS.md. Runs doctor on this host and in the lab on each kernel, keeps the reports in
 * dist/hosts, and sets them side by side. Other reports may be named in place of the runs.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap } from '../bootstrap.js';
import { KERNEL_NAMES } from '../lab/kernel/index.js';
import { ROOT, inRoot } from '../setup/checkout.js';
import { SetupFailure, exitWith } from '../setup/failure.js';
import { replaceTable, tableProblem } from './document.js';

const USAGE = `usage: npm run hosts:table [-- REPORT...]
       npm run hosts:table -- --check

Writes the table of docs/HOSTS.md: what doctor's experiments find here, in the lab on Debian's kernel, and in the lab on the project's own
(which is built on first use). REPORTs that \`kvm-faultlab doctor --json\` made, on any hosts, are set side by side in place of those runs.
--check only says whether the table is as this command writes it and has the facts that doctor finds now; it runs nothing.
`;

const DOCUMENT = 'docs/HOSTS.md';
const REPORTS = inRoot('dist/hosts');
/** EX_USAGE of sysexits.h. */
const USAGE_ERROR = 64;
const MOST_BYTES = 2 ** 24;
/** doctor's exit codes after which there is a report: every mode works, one does not. */
const REPORTED = [0, 1];

/**
 * Runs a program of this checkout.
 * @param {string} what it does, for messages
 * @param {readonly string[]} command for Node
 * @param {number} limitSeconds it may take
 * @param {readonly number[]} [good] exit codes
 * @returns {Promise<string>} its standard output; standard error goes through
 * @throws {SetupFailure} STEP_FAILED, STEP_TIMED_OUT
 */
function output(what, command, limitSeconds, good = [0]) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], timeout: limitSeconds * 1000 });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += String(chunk);
      if (text.length > MOST_BYTES) child.kill();
    });
    child.on('error', (error) => { reject(new SetupFailure('STEP_FAILED', `${what} could not be started: ${error.message}`)); });
    child.on('close', (code, signal) => {
      if (signal !== null) reject(new SetupFailure('STEP_TIMED_OUT', `${what} was ended by ${signal}; it has ${String(limitSeconds)} s`));
      else if (code === null || !good.includes(code)) reject(new SetupFailure('STEP_FAILED', `${what} ended with code ${String(code)}`));
      else resolve(text);
    });
  });
}

/**
 * @param {string} name of the report's file, without .json
 * @param {readonly string[]} command for Node that prints it
 * @param {number} limitSeconds it may take
 * @returns {Promise<string>} path of the report
 * @throws {SetupFailure} STEP_FAILED, STEP_TIMED_OUT
 */
async function makeReport(name, command, limitSeconds) {
  process.stderr.write(`hosts: doctor on ${name}\n`);
  const report = await output(`doctor on ${name}`, command, limitSeconds, REPORTED);
  const path = join(REPORTS, `${name}.json`);
  writeFileSync(path, report);
  return path;
}

/**
 * Runs doctor everywhere.
 * @returns {Promise<string[]>} paths of the reports
 * @throws {SetupFailure} where one is not to be had
 */
async function makeReports() {
  mkdirSync(REPORTS, { recursive: true });
  const doctor = ['doctor', '--json'];
  const reports = [await makeReport('this-host', ['scripts/kvm-faultlab.js', ...doctor], 120)];
  // The first boot may have to fetch or build its kernel.
  for (const kernel of KERNEL_NAMES) reports.push(await makeReport(`lab-${kernel}`, ['scripts/lab/main.js', '--kernel', kernel, 'kvm-faultlab', ...doctor], 1800));
  return reports;
}

/** @param {string} problem one sentence @returns {never} */
function refuse(problem) {
  process.stderr.write(`${DOCUMENT}: ${problem}\n`);
  process.exit(1);
}

const args = process.argv.slice(2);
const check = args.length === 1 && args[0] === '--check';
if (!check && args.some((arg) => arg.startsWith('-'))) {
  const wanted = args.includes('--help') || args.includes('-h');
  (wanted ? process.stdout : process.stderr).write(USAGE);
  process.exit(wanted ? 0 : USAGE_ERROR);
}

try {
  await bootstrap(check ? { only: ['packages', 'typescript'] } : {});
  const { tableShape } = /** @type {{ tableShape: () => string }} */ (await import(inRoot('dist/lib/cli/doctor/index.js')));
  const shape = tableShape();
  const document = readFileSync(inRoot(DOCUMENT), 'utf8');
  const problem = tableProblem(document, shape);
  if (check) {
    if (problem !== undefined) refuse(problem);
  } else {
    const reports = args.length === 0 ? await makeReports() : args;
    const table = await output('doctor --compare', ['scripts/kvm-faultlab.js', 'doctor', '--no-here', '--all', '--markdown', '--compare', ...reports], 120);
    writeFileSync(inRoot(DOCUMENT), replaceTable(document, table, shape) ?? refuse(problem ?? 'there is no place for the table'));
    process.stderr.write(`hosts: wrote the table of ${DOCUMENT}\n`);
  }
} catch (error) {
  exitWith(error);
}

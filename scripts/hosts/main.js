/**
 * `npm run hosts`: the tests and a bench of every mode on this host and on the emulated one with each of its kernels, their verdicts side
 * by side. Files are left in dist/hosts/NAME.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { bootstrap } from '../bootstrap.js';
import { exitWith } from '../setup/failure.js';
import { HOSTS } from './host.js';
import { earlierRun, logTail, runHost } from './run-host.js';
import { hostFiles, sideBySide } from './verdicts.js';

const USAGE_ERROR = 64;

const USAGE = `usage: npm run hosts -- [OPTIONS] [-- MOCHA ARGUMENTS]

Runs the tests and a bench of every delivery mode on several hosts and shows their verdicts side by side. Exit code 0 when all are good and
the same, 1 when not, 130 after Ctrl-C.

  --only NAMES        hosts, separated by commas: ${HOSTS.map(({ name }) => name).join(', ')} (default all)
  --reuse NAMES       hosts of --only whose last results are taken as they are (dist/hosts/NAME/tests.json and bench.json)
  --pages N           pages that the bench visits on a real host (default 65536: 256 MiB)
  --emulated-pages N  pages that it visits on an emulated one (default 300)
  --kvm-files         on emulated hosts only the test files of which a test used KVM in the run on this one, or could not run on it
  --leave-out NAMES   with --kvm-files, all but these files and directories below dist/test, separated by commas
  --no-bench          tests alone
  --limit SECONDS     for the tests, and for the bench, on each host (default 3000)
  --side-by-side N    emulated hosts that run at the same time (default 2)

examples:
  npm run hosts
  npm run hosts -- --only here,own
  npm run hosts -- --only own --no-bench -- --grep userfaultfd
`;

/** @param {string} message about the command line @returns {never} */
function refuse(message) {
  process.stderr.write(`hosts: ${message}\n\n${USAGE}`);
  process.exit(USAGE_ERROR);
}

/**
 * @param {string} name of an option
 * @param {string} text its value
 * @returns {number} a whole number from 1
 */
function positive(name, text) {
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0 ? value : refuse(`--${name} takes a whole number from 1`);
}

function parse() {
  const args = process.argv.slice(2);
  const split = args.indexOf('--');
  const own = split < 0 ? args : args.slice(0, split);
  try {
    const { values } = parseArgs({
      args: own,
      options: {
        only: { type: 'string', default: HOSTS.map(({ name }) => name).join(',') },
        reuse: { type: 'string', default: '' },
        pages: { type: 'string', default: '65536' },
        'emulated-pages': { type: 'string', default: '300' },
        'kvm-files': { type: 'boolean', default: false },
        'leave-out': { type: 'string', default: '' },
        'no-bench': { type: 'boolean', default: false },
        limit: { type: 'string', default: '3000' },
        'side-by-side': { type: 'string', default: '2' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return { values, mochaArguments: split < 0 ? [] : args.slice(split + 1) };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

const { values, mochaArguments } = parse();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const hostsNamed = (/** @type {string} */ names) => names.split(',').filter((name) => name !== '').map((name) => HOSTS.find((host) => host.name === name) ?? refuse(`no such host: ${name}`));
const chosen = hostsNamed(values.only);
const reused = new Set(hostsNamed(values.reuse));
if ([...reused].some((host) => !chosen.includes(host))) refuse('--reuse names a host that --only does not');
const pages = positive('pages', values.pages);
const emulatedPages = positive('emulated-pages', values['emulated-pages']);
const limitSeconds = positive('limit', values.limit);
const leftOut = values['leave-out'].split(',').filter((name) => name !== '');
if (leftOut.length > 0 && !values['kvm-files']) refuse('--leave-out goes with --kvm-files');
const sideBySideLabs = positive('side-by-side', values['side-by-side']);

await bootstrap().catch(exitWith);
// A clone has packages only now.
const { default: Table } = await import('cli-table3');
const startedAt = Date.now();
const say = (/** @type {string} */ line) => process.stdout.write(`${((Date.now() - startedAt) / 1000).toFixed(0).padStart(5)} s  ${line}\n`);
let interrupted = false;
// The running command gets its own Ctrl-C; nothing further is started.
process.on('SIGINT', () => { interrupted = true; });

const kvmFiles = () => {
  const tests = verdicts.get('here')?.tests ?? refuse('--kvm-files takes a run here, of now (--only) or before (--reuse)');
  return hostFiles(tests, leftOut);
};
const job = (/** @type {import('./host.js').HostChoice} */ host) =>
  runHost(host, {
    mochaArguments,
    files: host.emulated && values['kvm-files'] ? kvmFiles() : null,
    bench: values['no-bench'] ? null : ['--pages', String(host.emulated ? emulatedPages : pages)],
    limitSeconds,
    cpus: emulatedCpus,
    stopped: () => interrupted,
    say,
  });

/** @type {Map<string, import('./verdicts.js').HostVerdicts>} */
const verdicts = new Map([...reused].map((host) => [host.name, earlierRun(host, !values['no-bench'])]));
const toRun = chosen.filter((host) => !reused.has(host));
const labsAtATime = Math.min(sideBySideLabs, toRun.filter(({ emulated }) => emulated).length);
// Two emulated CPUs that share a real one wait for each other's locks as long as it pleases the scheduler: several times as slow as one.
const emulatedCpus = labsAtATime > 1 && availableParallelism() < 2 * labsAtATime ? 1 : null;
// A real host is measured alone.
for (const host of toRun.filter(({ emulated }) => !emulated)) if (!interrupted) verdicts.set(host.name, await job(host));
const waiting = toRun.filter(({ emulated }) => emulated);
await Promise.all(
  Array.from({ length: labsAtATime }, async () => {
    for (let host = waiting.shift(); host !== undefined && !interrupted; host = waiting.shift()) verdicts.set(host.name, await job(host));
  }),
);

const ordered = chosen.flatMap(({ name }) => verdicts.get(name) ?? []);
const { rows, differences, faults } = sideBySide(ordered, values['kvm-files'] ? new Set(kvmFiles()) : null);
const [head = [], ...body] = rows;
const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
for (const row of body) table.push([...row]);
process.stdout.write(`\n${table.toString()}\n`);
if (differences.length > 0) process.stdout.write(`\nTests that failed, or whose verdict is not the same everywhere:\n${differences.join('\n')}\n`);
for (const { testsEnding, testsLog, benchEnding, benchLog } of ordered) {
  if (testsEnding !== null) process.stdout.write(`\n${testsLog}:\n${logTail(testsLog)}\n`);
  if (benchEnding !== null) process.stdout.write(`\n${benchLog}:\n${logTail(benchLog)}\n`);
}
for (const fault of faults) process.stdout.write(`FAULT ${fault}\n`);
for (const host of toRun) {
  const tests = verdicts.get(host.name)?.tests ?? null;
  // One line a host, as every test run ends with: those who add up totals find them.
  if (tests !== null) process.stdout.write(`${String(tests.passed)} passed, ${String(tests.failed)} failed, ${String(tests.skipped)} skipped\n`);
}
process.exitCode = interrupted ? 130 : faults.length === 0 ? 0 : 1;

/** `npm run lint`: every check, all of them even where one fails. `npm run lint -- eslint types` runs those alone. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { bootstrap } from './bootstrap.js';
import { CHECKS } from './lint/checks.js';
import { ROOT } from './setup/checkout.js';
import { IN_CI } from './setup/ci.js';
import { exitWith } from './setup/failure.js';
import { findTool } from './setup/tools.js';

const LIMIT_MS = 600_000;

/** @typedef {import('./lint/checks.js').Check} Check */

/**
 * @param {readonly string[]} command to run in the root
 * @returns {Promise<boolean>} whether it succeeded; what it printed is shown when it failed
 */
function run(command) {
  return new Promise((resolve) => {
    const [program = '', ...args] = command;
    const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
    let output = '';
    const collect = (/** @type {Buffer} */ chunk) => { output += chunk.toString(); };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => { output += error.message; });
    child.on('close', (code, signal) => {
      if (code !== 0) process.stdout.write(`${output}\n\`${command.join(' ')}\` failed (${signal ?? `exit code ${String(code)}`})\n`);
      resolve(code === 0);
    });
  });
}

/**
 * @param {readonly (readonly string[])[]} commands of one check
 * @returns {Promise<boolean>} whether all succeeded
 */
async function runAll(commands) {
  const queue = [...commands];
  let good = true;
  const worker = async () => {
    for (let command = queue.shift(); command !== undefined; command = queue.shift()) good = (await run(command)) && good;
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return good;
}

/**
 * @param {Check} check one of them
 * @returns {Promise<'passed' | 'failed' | 'skipped'>} its verdict
 */
async function perform(check) {
  const missing = (check.tools ?? []).filter((tool) => findTool(tool) === undefined);
  if (missing.length > 0) {
    process.stdout.write(`*** ${check.name}: ${missing.join(', ')} not installed: apt-get install -y ${missing.join(' ')} ***\n`);
    return IN_CI ? 'failed' : 'skipped';
  }
  if (check.before !== undefined && !(await run(check.before))) return 'failed';
  return (await runAll(check.commands())) ? 'passed' : 'failed';
}

await bootstrap({ only: ['packages'] }).catch(exitWith);
const wanted = process.argv.slice(2);
const counts = { passed: 0, failed: 0, skipped: 0 };
for (const check of CHECKS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const started = performance.now();
  const verdict = await perform(check);
  counts[verdict] += 1;
  process.stdout.write(`${check.name}: ${verdict} (${((performance.now() - started) / 1000).toFixed(1)} s)\n`);
}
process.stdout.write(`lint: ${String(counts.passed)} checks passed, ${String(counts.failed)} failed, ${String(counts.skipped)} skipped\n`);
process.exitCode = counts.failed === 0 ? 0 : 1;

/** `npm run lab:boots`: boots the lab again and again, to see whether it always comes up. */
import { exitWith, SetupFailure } from '../setup/failure.js';
import { parseOptions } from './options.js';
import { prepareLab } from './prepare.js';
import { elapsed } from './steps.js';

const USAGE = `usage: npm run lab:boots -- [OPTIONS] [COMMAND [ARGUMENTS]]

Boots the lab several times in a row, prints a line for each boot and a total, and shows what a failed boot printed. A boot has passed when COMMAND
ended with 0 and the lab powered off. The exit code is 1 when a boot failed.

  --kernel NAME    stock, own, or all (default)
  --boots N        of each kernel (default 10)
  --limit SECONDS  how long COMMAND may take (default 1800)
  --cpus N         CPUs of the lab (default: 1 on stock, 2 on own)
  --memory MIB     memory of the lab (default 3072)

COMMAND is by default: test -c /dev/kvm

examples:
  npm run lab:boots
  npm run lab:boots -- --kernel own --boots 50
  npm run lab:boots -- --boots 3 kvm-faultlab doctor
`;

const options = parseOptions(process.argv.slice(2), {
  usage: USAGE,
  accepted: ['--kernel', '--boots', '--limit', '--cpus', '--memory'],
  severalKernels: true,
  command: 'optional',
  defaults: { kernels: ['stock', 'own'], command: ['test', '-c', '/dev/kvm'] },
});

const count = { passed: 0, failed: 0 };

/**
 * @param {(output: import('./run-in-lab.js').Output) => Promise<number>} run boots once
 * @param {string} label of this boot
 */
async function boot(run, label) {
  /** @type {Buffer[]} */
  const printed = [];
  const keep = (/** @type {Buffer} */ chunk) => { printed.push(chunk); };
  const started = performance.now();
  let problem = '';
  try {
    const code = await run({ stdout: keep, stderr: keep });
    if (code !== 0) problem = `the command ended with code ${String(code)}\n${Buffer.concat(printed).toString()}`;
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    problem = `${error.toString()}\n${Buffer.concat(printed).toString()}`;
  }
  count[problem === '' ? 'passed' : 'failed'] += 1;
  process.stdout.write(`${label}  ${problem === '' ? 'passed' : 'FAILED'}  ${elapsed(started)}\n${problem.trimEnd().replace(/^(?=.)/gm, '  | ')}${problem === '' ? '' : '\n'}`);
}

let interrupted = false;
try {
  const kernels = [];
  for (const name of options.kernels) kernels.push({ name, run: await prepareLab(name, options) });
  // The lab that is running passes the signal on, and ends; there is to be no next one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => { interrupted = true; });
  for (const { name, run } of kernels) {
    for (let at = 1; at <= options.boots && !interrupted; at += 1) {
      await boot(run, `${name.padEnd(5)}  ${`${String(at)}/${String(options.boots)}`.padStart(7)}`);
    }
  }
} catch (error) {
  exitWith(error);
}
process.stdout.write(`${String(count.passed)} boots passed, ${String(count.failed)} failed${interrupted ? ', then interrupted' : ''}\n`);
process.exitCode = count.failed === 0 && !interrupted ? 0 : 1;

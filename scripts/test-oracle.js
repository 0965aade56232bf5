/**
 * `npm run test:oracle`: the same kernel calls through libc and ffi-napi, compared with the addon's. ffi-napi is unmaintained, so it has
 * its own node_modules; where the binary it carries does not load it is compiled with the one define that lets it, and where that fails
 * too the run says so.
 */
import { spawnSync } from 'node:child_process';
import { closeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { bootstrap } from './bootstrap.js';
import { ROOT, inRoot } from './setup/checkout.js';
import { IN_CI } from './setup/ci.js';
import { SetupFailure, exitWith } from './setup/failure.js';
import { SETUP, takeLock } from './setup/lock.js';
import { installPackages, packagesInstalled } from './setup/packages-step.js';
import { runLogged } from './setup/run-logged.js';
import { localNodeHeaders, requireTools } from './setup/tools.js';

const DIRECTORY = inRoot('test/oracle');
/** Without it Node 20's headers make finalizers take another type than ffi-napi passes. */
const DEFINE = '-DNODE_API_EXPERIMENTAL_NOGC_ENV_OPT_OUT';

const say = (/** @type {string} */ line) => process.stderr.write(`oracle: ${line}\n`);

/**
 * @param {string} name of a package of the oracle
 * @returns {boolean} whether it loads, tried in a process of its own
 */
const loads = (name) => spawnSync(process.execPath, ['-e', `require('${name}')`], { cwd: DIRECTORY, stdio: 'ignore', timeout: 60_000 }).status === 0;

/** Installs and builds what is not there yet. */
async function prepare() {
  if (!packagesInstalled(DIRECTORY)) {
    say('installing packages');
    await installPackages(DIRECTORY, 'oracle-packages');
  }
  for (const name of ['ref-napi', 'ffi-napi'].filter((name) => !loads(name))) {
    requireTools(`building ${name}`, ['g++', 'make', 'python3']);
    say(`building ${name}`);
    const headers = localNodeHeaders();
    const command = [process.execPath, inRoot('node_modules/node-gyp/bin/node-gyp.js'), 'rebuild', '--loglevel', 'error'];
    if (headers !== undefined) command.push(`--nodedir=${headers}`);
    const environment = { CXXFLAGS: `${process.env.CXXFLAGS ?? ''} ${DEFINE}` };
    await runLogged({ name: `oracle-${name}`, command, limitSeconds: 900, directory: `${DIRECTORY}/node_modules/${name}`, environment });
    if (!loads(name)) throw new SetupFailure('STEP_FAILED', `${name} was built but does not load`);
  }
  await runLogged({ name: 'oracle-typescript', command: [process.execPath, inRoot('node_modules/typescript/lib/tsc.js'), '-p', 'test/oracle'], limitSeconds: 300 });
}

await bootstrap().catch(exitWith);
const [major = 0] = process.versions.node.split('.').map(Number);
const lock = takeLock({ ...SETUP, say });
try {
  await prepare();
} catch (error) {
  // Node 20 is the one release that the oracle is held to.
  if (!(error instanceof SetupFailure) || major === 20 || IN_CI) exitWith(error);
  process.stdout.write(`*** SKIPPED: the oracle needs ffi-napi, which does not build on Node ${process.versions.node}: run it on Node 20 ***\n${error.toString()}\n`);
  process.stdout.write('0 passed, 0 failed, 1 skipped\n');
  process.exit(0);
} finally {
  closeSync(lock);
}

const mocha = inRoot('node_modules/mocha/bin/mocha.js');
process.chdir(ROOT);
process.argv = [process.execPath, mocha, '--config', 'test/oracle/.mocharc.json', ...(IN_CI ? ['--forbid-only'] : []), ...process.argv.slice(2)];
await import(pathToFileURL(mocha).href);

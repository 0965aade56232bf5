/**
 * Packs the package, installs it into an empty project and uses it there: that is what users of a release get, without a compiler at
 * work. The library must import, and the command must know its way, here and
 * in the lab.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './setup/checkout.js';
import { IN_CI } from './setup/ci.js';
import { findTool, npmCommand } from './setup/tools.js';

const LIMIT_MS = 600_000;
const [npm = 'npm', ...npmArguments] = npmCommand() ?? [];

/**
 * @param {string} directory where
 * @param {string} program what
 * @param {...string} args its arguments
 * @returns {string} its standard output
 */
const run = (directory, program, ...args) =>
  execFileSync(program, args, { cwd: directory, encoding: 'utf8', timeout: LIMIT_MS, stdio: ['ignore', 'pipe', 'inherit'] });

/** @throws {Error} when the installed package does not take its command to an emulated host */
function checkLab() {
  const { host } = /** @type {{ host: { kind: string, emulated: boolean } }} */ (JSON.parse(run(directory, command, '--lab', 'doctor', '--json')));
  if (host.kind !== 'SVM' || !host.emulated) throw new Error(`--lab ran on another host: ${JSON.stringify(host)}`);
  process.stdout.write('in the lab, doctor runs too\n');
}

const directory = mkdtempSync(join(tmpdir(), 'kvm-faultlab-package-'));
const command = join(directory, 'node_modules/.bin/kvm-faultlab');
try {
  run(ROOT, npm, ...npmArguments, 'pack', '--silent', '--pack-destination', directory);
  const { version } = /** @type {{ version: string }} */ (JSON.parse(run(ROOT, process.execPath, '-p', 'JSON.stringify(require("./package.json"))')));
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }));
  // Scripts off, as cautious users have them: the prebuilt addon alone must do.
  run(directory, npm, ...npmArguments, 'install', '--ignore-scripts', '--no-audit', '--no-fund', `./kvm-faultlab-${version}.tgz`);
  writeFileSync(join(directory, 'use.js'), "import * as lab from 'kvm-faultlab';\nconst kvm = lab.Kvm.open();\nkvm.close();\nconsole.log(Object.keys(lab).length > 0 ? 'imported' : 'empty');\n");
  const library = run(directory, process.execPath, 'use.js').trim();
  const help = run(directory, command, '--help');
  // The report holds what experiments found: they run in a process and a thread of their own, whose scripts have to be there too.
  const doctor = run(directory, command, 'doctor', '--json');
  const { facts } = /** @type {{ facts: readonly { answer?: string }[] }} */ (JSON.parse(doctor));
  if (library !== 'imported' || !/bench/.test(help) || !facts.some(({ answer }) => answer !== undefined)) {
    throw new Error(`the installed package does not work:\n${library}\n${help}\n${doctor}`);
  }
  process.stdout.write(`kvm-faultlab ${version}: packed, installed without scripts, imported, --help and doctor run\n`);
  if (findTool('qemu-system-x86_64') !== undefined) checkLab();
  else if (IN_CI) throw new Error('the installed package was not tried in the lab: qemu-system-x86_64 is not installed');
  else process.stdout.write('*** not tried in the lab: qemu-system-x86_64 is not installed ***\n');
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/**
 * `npm run lab -- COMMAND...`: runs a command of this checkout on an emulated SVM host. The exit code is the command's; files it writes
 * below --out come back, everything else it writes is gone with the lab.
 */
import { exitWith } from '../setup/failure.js';
import { parseOptions } from './options.js';
import { prepareLab } from './prepare.js';

const USAGE = `usage: npm run lab -- [OPTIONS] COMMAND [ARGUMENTS]

Boots a host with SVM in QEMU's emulator (no KVM needed), runs COMMAND in this project inside, and powers off. The exit code is COMMAND's.

  --kernel NAME    stock: Debian's own (default)
                   own: Debian's source, small and patched, built on first use (npm run lab:build says how long that takes)
  --out DIR        folder that COMMAND can write to for good (default dist/lab); the same path inside
  --limit SECONDS  how long COMMAND may take (default 1800)
  --cpus N         CPUs of the lab (default: 1 on stock, 2 on own)
  --memory MIB     memory of the lab (default 3072)

examples:
  npm run lab -- kvm-faultlab doctor
  npm run lab -- --kernel own kvm-faultlab bench --pages 300 --json dist/lab/report.json
  npm run lab -- npx mocha --grep userfaultfd
`;

const options = parseOptions(process.argv.slice(2), {
  usage: USAGE,
  accepted: ['--kernel', '--out', '--limit', '--cpus', '--memory'],
  severalKernels: false,
  command: 'required',
});

try {
  const [kernel = 'stock'] = options.kernels;
  const run = await prepareLab(kernel, options);
  process.exitCode = await run();
} catch (error) {
  exitWith(error);
}

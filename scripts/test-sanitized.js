/**
 * `npm run test:sanitized`: the tests with the addon built by CMake with AddressSanitizer and UndefinedBehaviorSanitizer. Node itself is
 * not instrumented, so the runtime is loaded before it; leaks are not looked for, since V8 leaves its heap to the exit.
 */
import { execFileSync } from 'node:child_process';
import { bootstrap } from './bootstrap.js';
import { inRoot } from './setup/checkout.js';
import { exitWith } from './setup/failure.js';
import { runAttached } from './setup/run-attached.js';
import { runLogged } from './setup/run-logged.js';
import { requireTools } from './setup/tools.js';

const OUTPUT = 'native/build/sanitized';
const RUN_LIMIT_SECONDS = 3600;
/** Without the addon, or with no call of it that others do not make. */
const LEFT_OUT = ['{explore,conform,experiments,bench,reference,report,scripts}/**/*', 'uapi/proposals/*', 'machine/allocation', 'cli/{bench-input,bench-workloads,compare,doctor-compare,paper,progress,report,trace}'].flatMap((name) => ['--ignore', `dist/test/${name}.test.js`]);

try {
  await bootstrap();
  requireTools('building the sanitized addon', ['cmake', 'g++', 'gcc', 'make']);
  const command = [process.execPath, inRoot('node_modules/cmake-js/bin/cmake-js'), 'compile', '--out', inRoot(OUTPUT), '--CDFAULTLAB_SANITIZE=ON'];
  await runLogged({ name: 'sanitized', command, limitSeconds: 1800 });
} catch (error) {
  exitWith(error);
}
const environment = {
  ...process.env,
  KVM_FAULTLAB_ADDON: inRoot(OUTPUT, 'Release/kvm_faultlab.node'),
  LD_PRELOAD: execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim(),
  ASAN_OPTIONS: `detect_leaks=0:handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1:${process.env.ASAN_OPTIONS ?? ''}`,
  UBSAN_OPTIONS: `print_stacktrace=1:${process.env.UBSAN_OPTIONS ?? ''}`,
};
process.exitCode = await runAttached([process.execPath, inRoot('node_modules/mocha/bin/mocha.js'), ...LEFT_OUT, ...process.argv.slice(2)], { limitSeconds: RUN_LIMIT_SECONDS, environment });

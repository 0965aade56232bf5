/** Before `npm pack` and `npm publish`: builds everything that the package carries, so that its users compile nothing. */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { bootstrap } from './bootstrap.js';
import { PREBUILT_INIT, initProgram } from './lab/init-program.js';
import { inRoot } from './setup/checkout.js';
import { exitWith } from './setup/failure.js';
import { PREBUILD_STAMP, nativeFingerprint } from './setup/native-step.js';
import { runLogged } from './setup/run-logged.js';
import { localNodeHeaders } from './setup/tools.js';

/** One prebuild for all Node versions (N-API), tagged with the C library so that musl systems compile their own. */
async function prebuild() {
  rmSync(inRoot('prebuilds'), { recursive: true, force: true });
  const headers = localNodeHeaders();
  const command = [process.execPath, inRoot('node_modules/prebuildify/bin.js'), '--napi', '--strip', '--tag-libc', '--target', process.versions.node];
  const environment = headers === undefined ? {} : { npm_config_nodedir: headers };
  await runLogged({ name: 'prebuild', command, limitSeconds: 1800, environment });
  // prebuildify takes the addon alone; the same build made the C reference beside it.
  copyFileSync(inRoot('build/Release/kvm_faultlab_reference'), inRoot('prebuilds/linux-x64/kvm_faultlab_reference'));
  writeFileSync(PREBUILD_STAMP, `${nativeFingerprint()}\n`);
}

/** The lab's first process, which a checkout compiles when it boots. */
async function prebuildLabInit() {
  const init = await initProgram();
  mkdirSync(dirname(PREBUILT_INIT), { recursive: true });
  writeFileSync(PREBUILT_INIT, init, { mode: 0o755 });
}

try {
  await bootstrap();
  await prebuild();
  await prebuildLabInit();
} catch (error) {
  exitWith(error);
}

/**
 * npm's install script. Installed as a dependency: takes the prebuilt addon, or compiles one where it does not load. In a source checkout
 * there is nothing to do: the set-up builds on first use, and tells its progress.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
if (!existsSync(`${root}/tsconfig.json`)) {
  const tool = createRequire(import.meta.url).resolve('node-gyp-build/bin.js');
  const { status } = spawnSync(process.execPath, [tool], { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    // Not fatal: `kvm-faultlab doctor` is there to say what is missing.
    process.stderr.write('kvm-faultlab: the native addon could not be compiled; `npx kvm-faultlab doctor` says what is missing\n');
  }
}

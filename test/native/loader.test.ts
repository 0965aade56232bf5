import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ADDON_VARIABLE, nativeAddon } from '../../lib/native/index.js';

const compiledLoader = fileURLToPath(new URL('../../lib/native/loader.js', import.meta.url));
const loadAndPrint = (loader: string): string => `
  import(${JSON.stringify(loader)})
    .then(({ nativeAddon }) => console.log(typeof nativeAddon().threadId()))
    .catch((error) => console.log(error.code, '-', error.message, error.hint));`;

function run(loader: string, environment: Record<string, string> = {}): string {
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', loadAndPrint(loader)], {
    encoding: 'utf8',
    env: { ...process.env, [ADDON_VARIABLE]: '', ...environment },
    timeout: 20_000,
  });
  return stdout + stderr;
}

describe('native loader', () => {
  it('gives the same addon for every call', () => {
    assert.equal(nativeAddon(), nativeAddon());
  });

  it('loads in a Worker', async () => {
    const worker = new Worker(`require('node:worker_threads').parentPort.once('message', (loader) =>
      import(loader).then(({ nativeAddon }) => process.exit(typeof nativeAddon().threadId() === 'number' ? 7 : 1)))`, { eval: true });
    worker.postMessage(compiledLoader);
    assert.equal(await new Promise((resolve) => worker.once('exit', resolve)), 7);
  });

  it('a file named by the environment that does not load throws ADDON_NOT_BUILT and names it', () => {
    assert.match(run(compiledLoader, { [ADDON_VARIABLE]: '/nowhere/addon.node' }), /^ADDON_NOT_BUILT - .*KVM_FAULTLAB_ADDON, \/nowhere\/addon\.node/);
    assert.match(run(compiledLoader, { [ADDON_VARIABLE]: '/etc/passwd' }), /^ADDON_NOT_BUILT - /);
  });

  it('a package without a build throws ADDON_NOT_BUILT and says what to run', () => {
    const root = mkdtempSync(join(tmpdir(), 'kvm-faultlab-loader-'));
    try {
      const copy = join(root, 'dist/lib/native/loader.js');
      mkdirSync(dirname(copy), { recursive: true });
      cpSync(compiledLoader, copy);
      // What it imports of the project.
      cpSync(fileURLToPath(new URL('../../lib/errors', import.meta.url)), join(root, 'dist/lib/errors'), { recursive: true });
      writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'kvm-faultlab', type: 'module' }));
      symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(root, 'node_modules'));
      assert.match(run(copy), /^ADDON_NOT_BUILT - .*npm run build:native/);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

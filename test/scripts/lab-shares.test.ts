import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SCRIPTS = new URL('../../../scripts', import.meta.url);

interface Shares {
  baseShares(): readonly { readonly tag: string; readonly path: string; readonly kind: string }[];
}

describe('what the lab is given of an installed package', () => {
  let folder = '';
  let modules = '';

  /** A project that depends on kvm-faultlab, which depends on one package. */
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'lab-shares-test-')));
    modules = join(folder, 'node_modules');
    cpSync(SCRIPTS, join(modules, 'kvm-faultlab/scripts'), { recursive: true });
    writeFileSync(join(modules, 'kvm-faultlab/package.json'), JSON.stringify({ name: 'kvm-faultlab', type: 'module', dependencies: { helper: '1' } }));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const shares = async (): Promise<ReturnType<Shares['baseShares']>> => {
    const { baseShares } = (await import(join(modules, 'kvm-faultlab/scripts/lab/shares.js'))) as Shares;
    return baseShares();
  };

  it('is the node_modules that it is in, with its dependencies', async () => {
    mkdirSync(join(modules, 'helper'));
    const project = (await shares()).find(({ tag }) => tag === 'project');
    assert.deepEqual(project, { tag: 'project', path: modules, kind: 'overlay' });
  });

  it('is the outermost node_modules where packages are links within it', async () => {
    const store = join(modules, '.store/helper@1');
    mkdirSync(store, { recursive: true });
    symlinkSync(store, join(modules, 'helper'));
    assert.equal((await shares()).find(({ tag }) => tag === 'project')?.path, modules);
  });

  it('is refused when a dependency is a link that leads elsewhere', async () => {
    mkdirSync(join(folder, 'elsewhere'));
    symlinkSync(join(folder, 'elsewhere'), join(modules, 'helper'));
    await assert.rejects(shares, { code: 'NOT_EXPORTED', message: /the package helper is in .*elsewhere/ });
  });

  it('is refused when a dependency is in no directory', async () => {
    await assert.rejects(shares, { code: 'NOT_EXPORTED', message: /the package helper is no directory there/ });
  });
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Share {
  readonly tag: string;
  readonly path: string;
  readonly inside?: string;
  readonly kind: 'ro' | 'rw' | 'overlay';
}
interface Files {
  planFiles(
    files: readonly { path: string; use: 'input' | 'output' }[],
    surroundings: { base: readonly Share[]; directory: string },
  ): { shares: readonly Share[]; directories: readonly string[]; links: readonly { target: string; path: string }[]; outputs: readonly string[] };
  bringBack(outputs: readonly string[], staging: string): Promise<void>;
}

// Scripts are JavaScript: their types are checked where they are.
const { planFiles, bringBack } = (await import(new URL('../../../scripts/lab/files.js', import.meta.url).href)) as Files;

describe('the files of a command in the lab', () => {
  let folder = '';
  let base: readonly Share[] = [];

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'lab-files-test-')));
    for (const name of ['system', 'project', 'user', 'data']) mkdirSync(join(folder, name));
    base = [
      { tag: 'system', path: join(folder, 'system'), kind: 'ro' },
      { tag: 'project', path: join(folder, 'project'), kind: 'overlay' },
    ];
    writeFileSync(join(folder, 'data/disk.img'), 'image');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const plan = (files: readonly { path: string; use: 'input' | 'output' }[], directory = join(folder, 'user')): ReturnType<Files['planFiles']> => planFiles(files, { base, directory });

  it('give it nothing where it names none, but the directory it is in', () => {
    assert.deepEqual(plan([]), { shares: base, directories: [join(folder, 'user')], links: [], outputs: [] });
  });

  it('that it reads come by a read-only share of their directory, one for all in it, at the path they have here', () => {
    writeFileSync(join(folder, 'data/other.img'), 'image');
    const { shares, links, directories } = plan([{ path: '../data/disk.img', use: 'input' }, { path: join(folder, 'data/other.img'), use: 'input' }]);
    assert.deepEqual(shares.slice(base.length), [{ tag: 'files0', path: join(folder, 'data'), inside: '/lab/files/0', kind: 'ro' }]);
    assert.deepEqual(links, [
      { path: join(folder, 'data/disk.img'), target: '/lab/files/0/disk.img' },
      { path: join(folder, 'data/other.img'), target: '/lab/files/0/other.img' },
    ]);
    assert.deepEqual(directories, [join(folder, 'user'), join(folder, 'data')]);
  });

  it('that it reads through a link are there under both names', () => {
    symlinkSync('../data/disk.img', join(folder, 'user/link'));
    symlinkSync('../data/disk.img', join(folder, 'project/link'));
    const { links } = plan([{ path: 'link', use: 'input' }, { path: '../project/link', use: 'input' }]);
    assert.deepEqual(links, [
      { path: join(folder, 'data/disk.img'), target: '/lab/files/0/disk.img' },
      { path: join(folder, 'user/link'), target: join(folder, 'data/disk.img') },
    ]);
  });

  it('that the lab has anyhow, that are its own, or that are not there need nothing', () => {
    writeFileSync(join(folder, 'system/file'), '');
    const paths = [join(folder, 'system/file'), '/dev/null', '/proc/self/fd/0', 'nowhere'];
    const { shares, links, outputs } = plan([...paths.map((path) => ({ path, use: 'input' as const })), { path: '/dev/stdout', use: 'output' }]);
    assert.deepEqual({ shares, links, outputs }, { shares: base, links: [], outputs: [] });
  });

  it('are refused where their directory is all of the host, or where the lab has its own', () => {
    assert.throws(() => plan([{ path: '/', use: 'input' }]), { code: 'NOT_EXPORTED', message: /directory of its own/ });
    assert.throws(() => plan([{ path: '/lab/env', use: 'output' }]), { code: 'NOT_EXPORTED', message: /\/lab of its own/ });
  });

  it('that it writes need no share; their directories are there and are not read-only', () => {
    mkdirSync(join(folder, 'system/results'));
    symlinkSync('../data', join(folder, 'project/elsewhere'));
    const { shares, directories, outputs } = plan([
      { path: 'report.json', use: 'output' },
      { path: '../system/results/report.json', use: 'output' },
      { path: '../project/elsewhere/report.json', use: 'output' },
    ]);
    assert.deepEqual(outputs, ['user/report.json', 'system/results/report.json', 'project/elsewhere/report.json'].map((path) => join(folder, path)));
    assert.deepEqual(shares.map(({ tag, kind }) => `${tag} ${kind}`), ['system overlay', 'project overlay']);
    assert(directories.includes(join(folder, 'data')), 'where the link leads');
  });

  it('come back to where they were asked for: through links, with the mode that was there, and only those that were made', async () => {
    const staging = join(folder, 'staging');
    mkdirSync(staging);
    writeFileSync(join(folder, 'data/old.json'), 'old', { mode: 0o600 });
    symlinkSync('../data/old.json', join(folder, 'user/link.json'));
    writeFileSync(join(folder, 'user/untouched.json'), 'untouched');
    writeFileSync(join(staging, '0'), 'new', { mode: 0o644 });
    await bringBack([join(folder, 'user/link.json'), join(folder, 'user/untouched.json')], staging);
    assert.equal(readFileSync(join(folder, 'data/old.json'), 'utf8'), 'new');
    assert.equal(statSync(join(folder, 'data/old.json')).mode & 0o777, 0o600);
    assert.equal(readFileSync(join(folder, 'user/untouched.json'), 'utf8'), 'untouched');
  });

  it('that the guest replaced by a link are not followed', async () => {
    const staging = join(folder, 'staging');
    mkdirSync(staging);
    symlinkSync('/etc/passwd', join(staging, '0'));
    await bringBack([join(folder, 'user/report.json')], staging);
    assert.throws(() => statSync(join(folder, 'user/report.json')), { code: 'ENOENT' });
  });

  it('that cannot be brought back end with a coded error', async () => {
    const staging = join(folder, 'staging');
    mkdirSync(staging);
    writeFileSync(join(staging, '0'), 'new');
    await assert.rejects(bringBack([join(folder, 'gone/report.json')], staging), { code: 'STATE_UNWRITABLE', message: /gone\/report\.json/ });
  });
});

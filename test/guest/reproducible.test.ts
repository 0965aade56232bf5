/** Both guests are the same bytes wherever and by whatever they are built. */
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lossAbi } from '../../lib/loss/index.js';
import { parseElf, readVectorTable } from '../../lib/guest/index.js';
import { skip } from '../support/skip.js';
import { patience } from '../support/slowness.js';

const GUEST = fileURLToPath(new URL('../../../guest/', import.meta.url));
const ELVES = ['guest.elf', 'loss-guest.elf'] as const;
const isCmakeHere = (): boolean => {
  try {
    execFileSync('cmake', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

describe('guest ELF files', function () {
  this.timeout(patience(120_000));
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kvm-faultlab-elves-'));
    cpSync(GUEST, join(folder, 'sources'), { recursive: true, filter: (path) => path !== join(GUEST, 'build') });
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const assertSame = (built: string): void => {
    for (const name of ELVES) assert(readFileSync(join(built, name)).equals(readFileSync(join(GUEST, 'build', name))), `${name} differs`);
  };

  it('are the same, byte for byte, built elsewhere', () => {
    execFileSync('make', ['-s', '-C', join(folder, 'sources'), '-j2'], { stdio: ['ignore', 'pipe', 'pipe'] });
    assertSame(join(folder, 'sources/build'));
  });

  it('are the same, byte for byte, built by CMake', function () {
    if (!isCmakeHere()) skip(this, 'cmake is not installed');
    const built = join(folder, 'by-cmake');
    execFileSync('cmake', ['-S', join(folder, 'sources'), '-B', built, '-DCMAKE_BUILD_TYPE=Debug'], { stdio: ['ignore', 'pipe', 'pipe'] });
    execFileSync('cmake', ['--build', built, '-j2'], { stdio: ['ignore', 'pipe', 'pipe'] });
    assertSame(built);
  });

  it('loss-guest.elf has stacks of their own for #DF, NMI, #MC and #VE, and what both ends share where it belongs', () => {
    const elf = parseElf(readFileSync(join(GUEST, 'build/loss-guest.elf')), 'loss-guest.elf');
    const stacks = new Map(readVectorTable(elf, lossAbi.LOSS_IST_COUNT).map(({ vector, ist }) => [vector, ist]));
    assert.deepEqual([8, 2, 18, 20].map((vector) => stacks.get(vector)), [1, 2, 3, 4]);
    assert.equal(elf.symbol('ve_information') % 4096, 0);
    assert.equal(elf.symbol('apf_area') % 64, 0);
    assert(elf.symbol('event_log') > 0 && elf.symbol('control') > 0);
  });
});

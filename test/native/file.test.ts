import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nativeAddon } from '../../lib/native/index.js';
import { patience } from '../support/slowness.js';
import { throwsCode } from './support/coded.js';
import { EBADF, F_SEAL_GROW, F_SEAL_SHRINK, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, PAGE } from './support/constants.js';

const { File } = nativeAddon();

describe('native File', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'kvm-faultlab-file-'));
  });
  after(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('a memfd has the size asked for, reads as zeros, and keeps what is written', () => {
    const file = File.memfd('contents', 3 * PAGE);
    assert.equal(file.sizeBytes(), 3 * PAGE);
    const page = new Uint8Array(PAGE).fill(1);
    assert.equal(file.pread(page, 0), PAGE);
    assert.deepEqual(page, new Uint8Array(PAGE));
    page.fill(7);
    assert.equal(file.pwrite(page, PAGE), PAGE);
    assert.equal(file.pread(page.fill(0), PAGE), PAGE);
    assert.equal(page.every((byte) => byte === 7), true);
    file.close();
  });

  it('a read at the end of the file is short, and past it is empty', () => {
    const file = File.memfd('end', PAGE + 10);
    assert.equal(file.pread(new Uint8Array(PAGE), PAGE), 10);
    assert.equal(file.pread(new Uint8Array(PAGE), 2 * PAGE), 0);
    file.close();
  });

  it('a read or write that fails returns a negative errno and does not throw', () => {
    const file = File.open('/dev/null', constants.O_RDONLY);
    assert.equal(file.pwrite(new Uint8Array(1), 0), -EBADF);
    file.close();
  });

  it('a memfd without a seal shrinks and grows', () => {
    const file = File.memfd('free', PAGE);
    assert.equal(file.shrinkSealed, false);
    file.ftruncate(10 * PAGE);
    file.ftruncate(1);
    assert.equal(file.sizeBytes(), 1);
    file.close();
  });

  it('a memfd sealed against shrinking grows only, and takes no more seals', () => {
    const file = File.memfd('sealed', 2 * PAGE, { sealShrink: true });
    assert.equal(file.shrinkSealed, true);
    const error = throwsCode('FILE_EPERM', () => { file.ftruncate(PAGE); });
    assert.equal(error.errno, 1);
    assert.equal(error.syscall, 'ftruncate');
    file.ftruncate(3 * PAGE);
    assert.equal(file.sizeBytes(), 3 * PAGE);
    throwsCode('FILE_EPERM', () => { file.addSeals(F_SEAL_GROW); });
    file.close();
  });

  it('a seal added later counts', () => {
    const file = File.memfd('later', PAGE);
    file.addSeals(F_SEAL_SHRINK);
    assert.equal(file.shrinkSealed, true);
    throwsCode('FILE_EPERM', () => { file.ftruncate(0); });
    file.close();
  });

  it('fallocate punches holes that read as zeros', () => {
    const file = File.memfd('holes', 2 * PAGE);
    file.pwrite(new Uint8Array(2 * PAGE).fill(9), 0);
    file.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE);
    const all = new Uint8Array(2 * PAGE);
    file.pread(all, 0);
    assert.equal(all[PAGE - 1], 9);
    assert.equal(all[PAGE], 0);
    assert.equal(file.sizeBytes(), 2 * PAGE);
    assert.match(throwsCode('FILE_EOPNOTSUPP', () => { file.fallocate(FALLOC_FL_PUNCH_HOLE, 0, PAGE); }).message, /mode 2/);
    file.close();
  });

  it('a regular file is read as it is, and takes no seals', () => {
    const path = join(directory, 'image');
    writeFileSync(path, 'faults');
    const file = File.open(path, constants.O_RDWR);
    assert.equal(file.shrinkSealed, false);
    const into = new Uint8Array(16);
    assert.equal(file.pread(into, 2), 4);
    assert.equal(Buffer.from(into.subarray(0, 4)).toString(), 'ults');
    // tmpfs knows seals, and seals its regular files against them; other file systems do not know the call.
    assert.throws(() => { file.addSeals(F_SEAL_SHRINK); }, { code: /^FILE_E(?:INVAL|PERM)$/ });
    file.close();
  });

  it('a file that is not there, or may not be opened so, says which and why', () => {
    const missing = join(directory, 'missing');
    const error = throwsCode('FILE_ENOENT', () => File.open(missing, constants.O_RDONLY));
    assert.equal(error.errno, 2);
    assert.equal(error.syscall, 'open');
    assert.ok(error.message.includes(missing));
    throwsCode('FILE_EISDIR', () => File.open(directory, constants.O_RDWR));
  });

  it('a file is created with the mode asked for', () => {
    const path = join(directory, 'created');
    const file = File.open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    file.ftruncate(PAGE);
    assert.equal(file.sizeBytes(), PAGE);
    file.close();
    throwsCode('FILE_EEXIST', () => File.open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600));
  });

  it('opening a FIFO without a writer does not wait for one', () => {
    const path = join(directory, 'fifo');
    execFileSync('mkfifo', [path]);
    const file = File.open(path, constants.O_RDONLY);
    assert.ok(file.pread(new Uint8Array(1), 0) < 0, 'a FIFO has no offsets');
    file.close();
  });

  it('a descriptor does not reach a child process', () => {
    const file = File.memfd('inherited', PAGE);
    const listing = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    assert.equal(listing.includes('memfd:inherited'), false);
    file.close();
  });

  it('a memfd that cannot be made throws and leaves no handle', () => {
    const before = nativeAddon().liveHandles().File;
    throwsCode('FILE_EINVAL', () => File.memfd('x'.repeat(300), PAGE)); // 249 bytes at most
    // One of huge pages must be a multiple of their size, where there are any.
    assert.throws(() => File.memfd('huge', PAGE + 1, { hugetlb: true }), { code: /^FILE_E/ });
    assert.equal(nativeAddon().liveHandles().File, before);
  });

  describe('leases', () => {
    const [F_RDLCK, F_WRLCK, F_UNLCK] = [0, 1, 2];

    it('are there until they are given back, and only while nobody else has the file', () => {
      const path = join(directory, 'leased');
      writeFileSync(path, 'x');
      const file = File.open(path, constants.O_RDWR);
      assert.equal(file.getLease(), F_UNLCK);
      file.setLease(F_WRLCK);
      assert.equal(file.getLease(), F_WRLCK);
      file.setLease(F_UNLCK);
      assert.equal(file.getLease(), F_UNLCK);
      const other = File.open(path, constants.O_RDONLY);
      assert.equal(throwsCode('FILE_EAGAIN', () => { file.setLease(F_WRLCK); }).syscall, 'F_SETLEASE');
      // A lease for reading is refused to whoever may write.
      throwsCode('FILE_EAGAIN', () => { file.setLease(F_RDLCK); });
      throwsCode('BAD_ARGUMENT', () => { file.setLease(3); });
      for (const handle of [other, file]) handle.close();
    });

    it('hold the open of another process until they are given back, and do not end this one', async () => {
      const path = join(directory, 'wanted');
      writeFileSync(path, 'x');
      const file = File.open(path, constants.O_RDWR);
      file.setLease(F_WRLCK);
      // truncate(1) does not wait (O_NONBLOCK), and fails.
      const truncating = spawn('sh', ['-c', ': > "$1"', 'sh', path]);
      const ended = once(truncating, 'exit');
      const deadline = performance.now() + patience(10_000);
      while (file.getLease() === F_WRLCK) {
        assert(performance.now() < deadline, 'waited 10 s for somebody to want the lease');
        await sleep(5);
      }
      assert.equal(file.getLease(), F_UNLCK, 'what the lease is to become');
      assert.equal(file.sizeBytes(), 1);
      file.setLease(F_UNLCK);
      assert.deepEqual(await ended, [0, null]);
      assert.equal(file.sizeBytes(), 0);
      file.close();
    });
  });
});

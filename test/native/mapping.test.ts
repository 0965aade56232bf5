import assert from 'node:assert/strict';
import { constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeAddon } from '../../lib/native/index.js';
import { skip } from '../support/skip.js';
import { throwsCode } from './support/coded.js';
import { EBADF, EFAULT, F_SEAL_SHRINK, MADV_DONTNEED, MADV_GUARD_INSTALL, MAP_HUGETLB, MAP_NORESERVE, PAGE, PROT_NONE, PROT_READ, PROT_RW, UFFDIO_REGISTER_MODE_MISSING } from './support/constants.js';

const { File, Mapping, Userfaultfd } = nativeAddon();

describe('native Mapping', () => {
  it('anonymous memory is zero, writable, and seen alike by a view and by copies', () => {
    const mapping = Mapping.anonymous(2 * PAGE, PROT_RW);
    assert.equal(mapping.sizeBytes, 2 * PAGE);
    assert.equal(mapping.hva % BigInt(PAGE), 0n);
    const view = new Uint8Array(mapping.view());
    assert.equal(view.length, 2 * PAGE);
    assert.equal(view.every((byte) => byte === 0), true);
    mapping.write(PAGE - 2, Uint8Array.of(1, 2, 3, 4));
    assert.deepEqual([...view.subarray(PAGE - 2, PAGE + 2)], [1, 2, 3, 4]);
    view[0] = 42;
    const into = new Uint8Array(1);
    mapping.read(0, into);
    assert.equal(into[0], 42);
    mapping.close();
  });

  it('two mappings of one file are the same memory at different addresses', () => {
    const file = File.memfd('twice', 2 * PAGE, { sealShrink: true });
    const guestView = Mapping.ofFile(file, 0, 2 * PAGE, PROT_RW);
    const hostView = Mapping.ofFile(file, PAGE, PAGE, PROT_RW);
    assert.notEqual(guestView.hva, hostView.hva);
    new Uint8Array(hostView.view())[5] = 77;
    assert.equal(new Uint8Array(guestView.view())[PAGE + 5], 77);
    for (const handle of [guestView, hostView, file]) handle.close();
  });

  it('a mapping outlives the file handle it was made of', () => {
    const file = File.memfd('outlived', PAGE, { sealShrink: true });
    const mapping = Mapping.ofFile(file, 0, PAGE, PROT_RW);
    file.close();
    const view = new Uint8Array(mapping.view());
    view[0] = 1;
    assert.equal(view[0], 1);
    mapping.close();
  });

  it('a mapping that cannot be made says so', () => {
    const file = File.open('/dev/null', constants.O_RDWR);
    const error = throwsCode('MAPPING_ENODEV', () => Mapping.ofFile(file, 0, PAGE, PROT_RW));
    assert.equal(error.syscall, 'mmap');
    file.close();
    throwsCode('MAPPING_ENOMEM', () => Mapping.anonymous(2 ** 46, PROT_RW, 0));
    for (const sizeBytes of [0, 1, PAGE + 1, -PAGE]) throwsCode('BAD_ARGUMENT', () => Mapping.anonymous(sizeBytes, PROT_RW));
  });

  describe('view', () => {
    it('is the same ArrayBuffer for a second call, and empty after close', () => {
      const mapping = Mapping.anonymous(PAGE, PROT_RW);
      const view = mapping.view();
      assert.equal(mapping.view(), view);
      assert.equal(view.byteLength, PAGE);
      const bytes = new Uint8Array(view);
      mapping.close();
      assert.equal(view.byteLength, 0);
      assert.equal(bytes.length, 0);
      assert.equal(bytes[0], undefined);
    });

    it('of one handle stays when another handle on the memory closes', () => {
      const first = Mapping.anonymous(PAGE, PROT_RW);
      const second = Mapping.adopt(first.share());
      const bytes = new Uint8Array(second.view());
      new Uint8Array(first.view())[3] = 33;
      first.close();
      assert.equal(bytes[3], 33);
      second.close();
    });

    it('cannot be transferred to where close() would not reach it: Node copies it, or refuses', () => {
      const mapping = Mapping.anonymous(PAGE, PROT_RW);
      const view = mapping.view();
      let copy: ArrayBuffer | undefined;
      try {
        copy = structuredClone(view, { transfer: [view] });
      } catch (error) {
        assert.equal((error as Error).name, 'DataCloneError');
      }
      assert.equal(view.byteLength, PAGE);
      if (copy !== undefined) new Uint8Array(copy)[0] = 1;
      assert.equal(new Uint8Array(view)[0], 0);
      mapping.close();
    });

    it('holds the memory even where a program moves it to an ArrayBuffer of its own', function () {
      const mapping = Mapping.anonymous(PAGE, PROT_RW);
      const view = mapping.view() as ArrayBuffer & { transfer?: () => ArrayBuffer };
      if (view.transfer === undefined) {
        mapping.close();
        skip(this, 'ArrayBuffer.prototype.transfer came with Node 22', { hostCannot: true });
      }
      const moved = new Uint8Array(view.transfer());
      mapping.close();
      moved[0] = 5;
      assert.equal(moved[0], 5);
    });

    it('is refused for a file that can shrink: an unsealed memfd, a regular file', () => {
      const memfd = File.memfd('unsealed', PAGE);
      const directory = mkdtempSync(join(tmpdir(), 'kvm-faultlab-view-'));
      const path = join(directory, 'regular');
      writeFileSync(path, Buffer.alloc(PAGE));
      const regular = File.open(path, constants.O_RDWR);
      for (const file of [memfd, regular]) {
        const mapping = Mapping.ofFile(file, 0, PAGE, PROT_RW);
        throwsCode('MAPPING_NOT_VIEWABLE', () => mapping.view());
        mapping.close();
        file.close();
      }
      rmSync(directory, { recursive: true });
    });

    it('is allowed once a memfd is sealed, also for a mapping made before', () => {
      const file = File.memfd('sealed later', PAGE);
      const mapping = Mapping.ofFile(file, 0, PAGE, PROT_RW);
      throwsCode('MAPPING_NOT_VIEWABLE', () => mapping.view());
      file.addSeals(F_SEAL_SHRINK);
      assert.equal(mapping.view().byteLength, PAGE);
      mapping.close();
      file.close();
    });

    it('is refused where the mapping is longer than its sealed file, until the file has grown', () => {
      const file = File.memfd('short', PAGE, { sealShrink: true });
      const mapping = Mapping.ofFile(file, 0, 2 * PAGE, PROT_RW);
      const beyond = Mapping.ofFile(file, PAGE, PAGE, PROT_RW);
      throwsCode('MAPPING_NOT_VIEWABLE', () => mapping.view());
      throwsCode('MAPPING_NOT_VIEWABLE', () => beyond.view());
      file.ftruncate(2 * PAGE);
      assert.equal(mapping.view().byteLength, 2 * PAGE);
      new Uint8Array(mapping.view())[PAGE] = 1;
      assert.equal(new Uint8Array(beyond.view())[0], 1);
      for (const handle of [mapping, beyond, file]) handle.close();
    });

    it('is refused without both read and write permission', () => {
      for (const prot of [PROT_NONE, PROT_READ, 2]) {
        const mapping = Mapping.anonymous(PAGE, prot);
        throwsCode('MAPPING_NOT_VIEWABLE', () => mapping.view());
        mapping.close();
      }
    });

    it('is refused after mprotect, a faulting madvise or userfaultfd, even when undone, by any handle', () => {
      const uffd = new Userfaultfd(0n);
      const uses: ((mapping: ReturnType<typeof Mapping.anonymous>) => void)[] = [
        (mapping) => { mapping.protect(0, PAGE, PROT_READ); },
        (mapping) => { mapping.protect(0, PAGE, PROT_RW); },
        (mapping) => {
          try {
            mapping.advise(0, PAGE, MADV_GUARD_INSTALL);
          } catch {
            // Before Linux 6.13 there is no such advice; it must count all the same.
          }
        },
        (mapping) => {
          uffd.register(mapping, 0, PAGE, UFFDIO_REGISTER_MODE_MISSING);
          uffd.unregister(mapping, 0, PAGE);
        },
      ];
      for (const use of uses) {
        const mapping = Mapping.anonymous(PAGE, PROT_RW);
        const other = Mapping.adopt(mapping.share());
        use(mapping);
        throwsCode('MAPPING_NOT_VIEWABLE', () => mapping.view());
        throwsCode('MAPPING_NOT_VIEWABLE', () => other.view());
        mapping.close();
        other.close();
      }
      uffd.close();
    });

    it('is not refused because a registration was', () => {
      const uffd = new Userfaultfd(0n);
      const mapping = Mapping.anonymous(PAGE, PROT_RW);
      throwsCode('UFFD_EINVAL', () => uffd.register(mapping, 0, PAGE, 1 << 20));
      assert.equal(mapping.view().byteLength, PAGE);
      mapping.close();
      uffd.close();
    });

    it('is refused for huge pages, whose pool may be empty at the access', () => {
      let mapping;
      try {
        mapping = Mapping.anonymous(2 * 1024 * 1024, PROT_RW, MAP_HUGETLB | MAP_NORESERVE);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'MAPPING_ENOMEM');
        return;
      }
      throwsCode('MAPPING_NOT_VIEWABLE', () => mapping.view());
      mapping.close();
    });
  });

  describe('with a view', () => {
    it('protect, a faulting advice and userfaultfd registration throw MAPPING_HAS_VIEWS, by any handle, and change nothing', () => {
      const uffd = new Userfaultfd(0n);
      const mapping = Mapping.anonymous(PAGE, PROT_RW);
      const bytes = new Uint8Array(mapping.view());
      const other = Mapping.adopt(mapping.share());
      for (const handle of [mapping, other]) {
        throwsCode('MAPPING_HAS_VIEWS', () => { handle.protect(0, PAGE, PROT_NONE); });
        throwsCode('MAPPING_HAS_VIEWS', () => { handle.advise(0, PAGE, MADV_GUARD_INSTALL); });
        throwsCode('MAPPING_HAS_VIEWS', () => { handle.advise(0, PAGE, 12345); });
        throwsCode('MAPPING_HAS_VIEWS', () => uffd.register(handle, 0, PAGE, UFFDIO_REGISTER_MODE_MISSING));
      }
      bytes[0] = 1;
      assert.equal(bytes[0], 1);
      for (const handle of [mapping, other, uffd]) handle.close();
    });

    it('harmless advice is taken', () => {
      const mapping = Mapping.anonymous(PAGE, PROT_RW);
      const bytes = new Uint8Array(mapping.view());
      bytes[0] = 1;
      mapping.advise(0, PAGE, MADV_DONTNEED);
      assert.equal(bytes[0], 0);
      mapping.close();
    });
  });

  it('advice the kernel does not know throws with its name', () => {
    const mapping = Mapping.anonymous(PAGE, PROT_RW);
    const error = throwsCode('MAPPING_EINVAL', () => { mapping.advise(0, PAGE, 12345); });
    assert.equal(error.syscall, 'madvise');
    mapping.close();
  });

  it('protect that the file does not allow throws', () => {
    const file = File.open('/proc/self/exe', constants.O_RDONLY);
    const mapping = Mapping.ofFile(file, 0, PAGE, PROT_READ);
    throwsCode('MAPPING_EACCES', () => { mapping.protect(0, PAGE, PROT_RW); });
    mapping.close();
    file.close();
  });

  describe('mapFixed', () => {
    it('puts a part of another file in place of a part of the mapping', () => {
      const [one, two] = [1, 2].map((value) => {
        const file = File.memfd(`file ${value}`, 4 * PAGE);
        for (let page = 0; page < 4; page++) file.pwrite(new Uint8Array(PAGE).fill(16 * value + page), page * PAGE);
        return file;
      });
      const mapping = Mapping.ofFile(one, 0, 4 * PAGE, PROT_RW);
      const { hva } = mapping;
      mapping.mapFixed(two, 2 * PAGE, PAGE, 2 * PAGE, PROT_RW);
      const first = (page: number): number => {
        const into = new Uint8Array(1);
        mapping.read(page * PAGE, into);
        return into[0];
      };
      assert.deepEqual([0, 1, 2, 3].map(first), [0x10, 0x22, 0x23, 0x13]);
      assert.equal(mapping.hva, hva);
      mapping.write(PAGE, Uint8Array.of(99));
      const into = new Uint8Array(1);
      two.pread(into, 2 * PAGE);
      assert.equal(into[0], 99);
      for (const handle of [mapping, one, two]) handle.close();
    });

    it('and JavaScript views exclude each other', () => {
      const file = File.memfd('fixed', PAGE, { sealShrink: true });
      const viewed = Mapping.ofFile(file, 0, PAGE, PROT_RW);
      viewed.view();
      throwsCode('MAPPING_HAS_VIEWS', () => { viewed.mapFixed(file, 0, 0, PAGE, PROT_RW); });
      const fixed = Mapping.ofFile(file, 0, PAGE, PROT_RW);
      fixed.mapFixed(file, 0, 0, PAGE, PROT_RW);
      throwsCode('MAPPING_NOT_VIEWABLE', () => fixed.view());
      for (const handle of [viewed, fixed, file]) handle.close();
    });

    it('that fails leaves the mapping as it was', () => {
      const file = File.memfd('kept', PAGE);
      file.pwrite(Uint8Array.of(5), 0);
      const readOnly = File.open('/proc/self/exe', constants.O_RDONLY);
      const mapping = Mapping.ofFile(file, 0, PAGE, PROT_RW);
      throwsCode('MAPPING_EACCES', () => { mapping.mapFixed(readOnly, 0, 0, PAGE, PROT_RW); });
      for (const [offset, length] of [[0, 2 * PAGE], [PAGE, PAGE], [1, PAGE], [0, 0]]) {
        throwsCode('BAD_ARGUMENT', () => { mapping.mapFixed(file, 0, offset, length, PROT_RW); });
      }
      const into = new Uint8Array(1);
      mapping.read(0, into);
      assert.equal(into[0], 5);
      for (const handle of [mapping, readOnly, file]) handle.close();
    });
  });

  describe('preadFrom', () => {
    it('puts a file straight into memory, is short at its end, and stays within the mapping', () => {
      const file = File.memfd('source', PAGE + 100);
      file.pwrite(new Uint8Array(PAGE + 100).fill(0x5a), 0);
      const mapping = Mapping.anonymous(4 * PAGE, PROT_RW);
      const bytes = new Uint8Array(mapping.view());
      assert.equal(mapping.preadFrom(file, 0, PAGE, PAGE), PAGE);
      assert.equal(mapping.preadFrom(file, PAGE, 2 * PAGE, PAGE), 100);
      assert.equal(mapping.preadFrom(file, 3 * PAGE, 0, PAGE), 0);
      assert.equal(bytes.subarray(PAGE, 2 * PAGE + 100).every((byte) => byte === 0x5a), true);
      assert.equal(bytes[PAGE - 1], 0);
      assert.equal(bytes[2 * PAGE + 100], 0);
      throwsCode('BAD_ARGUMENT', () => mapping.preadFrom(file, 0, 3 * PAGE, PAGE + 1));
      for (const handle of [file, mapping]) handle.close();
    });

    it('returns a negative errno where memory or file fails', () => {
      const file = File.memfd('source', PAGE);
      const unreadable = Mapping.anonymous(PAGE, PROT_NONE);
      assert.equal(unreadable.preadFrom(file, 0, 0, PAGE), -EFAULT);
      const directory = File.open('/', constants.O_RDONLY);
      const memory = Mapping.anonymous(PAGE, PROT_RW);
      assert.ok(memory.preadFrom(directory, 0, 0, PAGE) < 0);
      const writeOnly = File.open('/dev/null', constants.O_WRONLY);
      assert.equal(memory.preadFrom(writeOnly, 0, 0, PAGE), -EBADF);
      for (const handle of [file, unreadable, directory, memory, writeOnly]) handle.close();
    });
  });
});

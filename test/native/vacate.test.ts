import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { nativeAddon, type NativeMapping } from '../../lib/native/index.js';
import { throwsCode } from './support/coded.js';
import { EFAULT, MADV_DONTNEED, PAGE, PROT_READ, PROT_RW, UFFDIO_REGISTER_MODE_MISSING } from './support/constants.js';

const { File, Mapping, Userfaultfd } = nativeAddon();

/** Whether anything of this process is mapped at the mapping's addresses (proc_pid_maps(5)). */
function isMapped({ hva, sizeBytes }: Pick<NativeMapping, 'hva' | 'sizeBytes'>): boolean {
  return readFileSync('/proc/self/maps', 'utf8').split('\n').some((line) => {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    return range !== null && BigInt(`0x${range[1]}`) < hva + BigInt(sizeBytes) && BigInt(`0x${range[2]}`) > hva;
  });
}

describe('native Mapping.vacate', () => {
  it('leaves nothing at the addresses, whatever is mapped afterwards, and closes', () => {
    const mapping = Mapping.apart(2 * PAGE, PROT_RW);
    mapping.write(PAGE, Uint8Array.of(7));
    assert(isMapped(mapping));
    const { hva, sizeBytes } = mapping;
    mapping.vacate();
    const others = Array.from({ length: 200 }, () => Mapping.anonymous(PAGE, PROT_RW));
    others.push(...Array.from({ length: 20 }, () => Mapping.apart(PAGE, PROT_RW)));
    assert(!isMapped({ hva, sizeBytes }));
    mapping.vacate();
    mapping.close();
    assert(!isMapped({ hva, sizeBytes }));
    for (const other of others) other.close();
  });

  it('makes every use of the mapping an error, and none a crash', () => {
    const mapping = Mapping.apart(PAGE, PROT_RW);
    mapping.vacate();
    throwsCode('MAPPING_SIGSEGV', () => { mapping.read(0, new Uint8Array(1)); });
    throwsCode('MAPPING_SIGSEGV', () => { mapping.write(0, Uint8Array.of(1)); });
    throwsCode('MAPPING_NOT_VIEWABLE', () => mapping.view());
    throwsCode('MAPPING_ENOMEM', () => { mapping.protect(0, PAGE, PROT_READ); });
    throwsCode('MAPPING_ENOMEM', () => { mapping.advise(0, PAGE, MADV_DONTNEED); });
    const file = File.memfd('read from', PAGE);
    assert.equal(mapping.preadFrom(file, 0, 0, PAGE), -EFAULT);
    const uffd = new Userfaultfd(0n);
    throwsCode('UFFD_EINVAL', () => uffd.register(mapping, 0, PAGE, UFFDIO_REGISTER_MODE_MISSING));
    for (const handle of [mapping, file, uffd]) handle.close();
  });

  it('is refused where the addresses would be somebody else\'s next, and where somebody sees or has the memory', () => {
    const ordinary = Mapping.anonymous(PAGE, PROT_RW);
    throwsCode('MAPPING_NOT_APART', () => { ordinary.vacate(); });
    ordinary.write(0, Uint8Array.of(1));
    const seen = Mapping.apart(PAGE, PROT_RW);
    const bytes = new Uint8Array(seen.view());
    throwsCode('MAPPING_HAS_VIEWS', () => { seen.vacate(); });
    bytes[0] = 1;
    const registered = Mapping.apart(PAGE, PROT_RW);
    const uffd = new Userfaultfd(0n);
    uffd.register(registered, 0, PAGE, UFFDIO_REGISTER_MODE_MISSING);
    throwsCode('MAPPING_REGISTERED', () => { registered.vacate(); });
    uffd.unregister(registered, 0, PAGE);
    registered.vacate();
    for (const handle of [ordinary, seen, registered, uffd]) handle.close();
  });

  it('takes sizes of whole pages that fit', () => {
    for (const sizeBytes of [0, 1, PAGE + 1, 2 ** 44]) throwsCode('BAD_ARGUMENT', () => Mapping.apart(sizeBytes, PROT_RW));
  });
});

import assert from 'node:assert/strict';
import { nativeAddon } from '../../lib/native/index.js';
import { throwsCode } from './support/coded.js';
import { PAGE, PROT_NONE, PROT_READ, PROT_RW, UFFD_FEATURE_SIGBUS, UFFDIO_REGISTER_MODE_MISSING } from './support/constants.js';

const { File, Mapping, Userfaultfd } = nativeAddon();

// A global that the configured type libraries leave out.
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    instantiate(bytes: Uint8Array): Promise<{ instance: { exports: Record<string, unknown> } }>;
    RuntimeError: new () => Error;
  };
};

describe('native guarded copy', () => {
  it('reading and writing past the end of a truncated file gives MAPPING_SIGBUS with the page, and the process lives', () => {
    const file = File.memfd('truncated', 4 * PAGE);
    const mapping = Mapping.ofFile(file, 0, 4 * PAGE, PROT_RW);
    mapping.write(0, new Uint8Array(4 * PAGE).fill(3));
    file.ftruncate(2 * PAGE);
    const into = new Uint8Array(4 * PAGE);
    assert.equal(throwsCode('MAPPING_SIGBUS', () => { mapping.read(PAGE, into.subarray(0, 3 * PAGE)); }).offset, 2 * PAGE);
    assert.equal(into.subarray(0, PAGE).every((byte) => byte === 3), true, 'what is before the bad page has been copied');
    assert.equal(into.subarray(PAGE).every((byte) => byte === 0), true);
    assert.equal(throwsCode('MAPPING_SIGBUS', () => { mapping.write(3 * PAGE + 17, Uint8Array.of(1)); }).offset, 3 * PAGE);
    assert.equal(throwsCode('MAPPING_SIGBUS', () => { mapping.read(2 * PAGE - 1, into.subarray(0, 2)); }).offset, 2 * PAGE);
    mapping.read(0, into.subarray(0, 2 * PAGE));
    file.ftruncate(4 * PAGE);
    mapping.read(0, into);
    assert.equal(into[2 * PAGE], 0, 'an extended file reads as zeros');
    mapping.close();
    file.close();
  });

  it('memory without permission gives MAPPING_SIGSEGV with the page, for the access that is not allowed', () => {
    const mapping = Mapping.anonymous(3 * PAGE, PROT_RW);
    mapping.protect(PAGE, PAGE, PROT_NONE);
    const into = new Uint8Array(3 * PAGE);
    assert.equal(throwsCode('MAPPING_SIGSEGV', () => { mapping.read(0, into); }).offset, PAGE);
    assert.equal(throwsCode('MAPPING_SIGSEGV', () => { mapping.write(PAGE, into.subarray(0, 1)); }).offset, PAGE);
    mapping.protect(PAGE, PAGE, PROT_READ);
    mapping.read(0, into);
    assert.equal(throwsCode('MAPPING_SIGSEGV', () => { mapping.write(0, into); }).offset, PAGE);
    mapping.protect(PAGE, PAGE, PROT_RW);
    mapping.write(0, into);
    mapping.close();
  });

  it('a page missing under UFFD_FEATURE_SIGBUS gives MAPPING_SIGBUS', () => {
    const uffd = new Userfaultfd(UFFD_FEATURE_SIGBUS);
    const mapping = Mapping.anonymous(2 * PAGE, PROT_RW);
    uffd.register(mapping, 0, 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    assert.equal(uffd.copy(mapping, 0, new Uint8Array(PAGE).fill(8), 0), PAGE);
    const into = new Uint8Array(2 * PAGE);
    assert.equal(throwsCode('MAPPING_SIGBUS', () => { mapping.read(0, into); }).offset, PAGE);
    assert.equal(into[PAGE - 1], 8);
    uffd.close();
    mapping.read(0, into);
    mapping.close();
  });

  it('a fault that comes back many times is an error every time', () => {
    const mapping = Mapping.anonymous(PAGE, PROT_NONE);
    const one = new Uint8Array(1);
    for (let i = 0; i < 1000; i++) throwsCode('MAPPING_SIGSEGV', () => { mapping.read(i, one); });
    mapping.close();
  });

  // SIGBUS only: taking SIGSEGV over in Node and letting go of it breaks WebAssembly for the rest of the process.
  it('is still guarded after a program has taken SIGBUS over and let go of it', () => {
    const file = File.memfd('empty', 0);
    const mapping = Mapping.ofFile(file, 0, PAGE, PROT_RW);
    const one = new Uint8Array(1);
    let signals = 0;
    const listener = (): void => { signals++; };
    throwsCode('MAPPING_SIGBUS', () => { mapping.read(0, one); });
    process.on('SIGBUS', listener);
    throwsCode('MAPPING_SIGBUS', () => { mapping.read(0, one); });
    process.off('SIGBUS', listener);
    throwsCode('MAPPING_SIGBUS', () => { mapping.read(0, one); });
    assert.equal(signals, 0);
    mapping.close();
    file.close();
  });

  it('leaves WebAssembly its own faults', async () => {
    const mapping = Mapping.anonymous(PAGE, PROT_NONE);
    throwsCode('MAPPING_SIGSEGV', () => { mapping.read(0, new Uint8Array(1)); });
    // (module (memory 1) (func (export "load") (param i32) (result i32) local.get 0 i32.load))
    const bytes = Uint8Array.of(
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 3, 2, 1, 0, 5, 3, 1, 0, 1,
      7, 8, 1, 4, 0x6c, 0x6f, 0x61, 0x64, 0, 0, 10, 9, 1, 7, 0, 0x20, 0, 0x28, 2, 0, 0x0b,
    );
    const { instance } = await WebAssembly.instantiate(bytes);
    const load = instance.exports['load'] as (address: number) => number;
    assert.equal(load(0), 0);
    for (const address of [65536, 0x7fffffff, -1]) assert.throws(() => load(address), WebAssembly.RuntimeError);
    throwsCode('MAPPING_SIGSEGV', () => { mapping.read(0, new Uint8Array(1)); });
    mapping.close();
  });
});

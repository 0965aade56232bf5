/**
 * Real poison: memory failure as the kernel handles it. It takes pages away until the next boot, so that it is for the lab only.
 */
import { closeSync, existsSync, openSync, readSync, writeFileSync } from 'node:fs';
import { strict as assert } from 'node:assert';
import { INJECTOR, whyNoRealPoison } from '../../lib/experiments/guests/real-poison.js';
import type { Vcpu } from '../../lib/kvm/index.js';
import { nativeAddon } from '../../lib/native/index.js';
import { ioctls, PAGE_SIZE, uffdFeatures } from '../../lib/uapi/index.js';
import { skip } from '../support/skip.js';

const HARD_OFFLINE = '/sys/devices/system/memory/hard_offline_page';

/** Skips unless this host can lose memory, and none that anybody would miss. */
export function requireMemoryFailure(context: Mocha.Context): void {
  const why = whyNoRealPoison();
  if (why !== null) skip(context, why, { hostCannot: true });
}

/** Skips where userfaultfd cannot poison a page of a mapping (before Linux 6.6). */
export function requireUffdPoison(context: Mocha.Context): void {
  const userfaultfd = new (nativeAddon().Userfaultfd)(0n);
  const { features } = userfaultfd;
  userfaultfd.close();
  if ((features & uffdFeatures.POISON) === 0n) skip(context, 'this kernel has no UFFDIO_POISON', { hostCannot: true });
}

/** Physical page behind a host virtual address of this process (Documentation/admin-guide/mm/pagemap.rst). */
export function pfnOf(hva: bigint): number {
  const entry = new BigUint64Array(1);
  const file = openSync('/proc/self/pagemap', 'r');
  try {
    assert.equal(readSync(file, new Uint8Array(entry.buffer), 0, 8, Number(hva / BigInt(PAGE_SIZE)) * 8), 8);
  } finally {
    closeSync(file);
  }
  assert(entry[0] >> 63n === 1n, `no page is mapped at 0x${hva.toString(16)}`);
  return Number(entry[0] & ((1n << 55n) - 1n));
}

/** What makes the kernel find a page bad, by the page's number: a file to write, and what. Whoever writes it is not told by signal. */
export function injectionOf(pfn: number): { readonly path: string; readonly text: string } {
  return existsSync(`${INJECTOR}/corrupt-pfn`) ? { path: `${INJECTOR}/corrupt-pfn`, text: `0x${pfn.toString(16)}` } : { path: HARD_OFFLINE, text: `0x${(pfn * PAGE_SIZE).toString(16)}` };
}

/** Poisons a page of memory by its number. */
export function poisonPage(pfn: number): void {
  const { path, text } = injectionOf(pfn);
  writeFileSync(path, text);
}

/** KVM_PRE_FAULT_MEMORY of one page: struct kvm_pre_fault_memory is gpa, size, flags and padding. */
export function preFault(vcpu: Vcpu, gpa: number): void {
  const argument = BigUint64Array.of(BigInt(gpa), BigInt(PAGE_SIZE), 0n, 0n, 0n, 0n, 0n, 0n);
  vcpu.ioctl(ioctls.KVM_PRE_FAULT_MEMORY, new Uint8Array(argument.buffer));
}

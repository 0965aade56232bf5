/** /dev/kvm, a VM and a vCPU as the oracle opens them, and the list-shaped requests. */
import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { errnoName } from '../../lib/errors/index.js';
import { skip } from '../support/skip.js';
import { type CallResult, O_RDWR, close, ioctl, open } from './libc.js';
import { request } from './ioctl-number.js';

/** Longest list asked for; KVM's own limits are far below. */
const MOST_ENTRIES = 4096;

/** Skips the suite whose `before` hook calls it where there is no KVM to ask. */
export function needKvm(context: Mocha.Context): void {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch (error) {
    skip(context, `/dev/kvm cannot be opened: ${String(error)}`);
  }
}

/** Closes in reverse order whatever a test opened. */
export class OracleFiles {
  private readonly open: number[] = [];

  /** Keeps a descriptor until `closeAll`. */
  keep(result: CallResult, what: string): number {
    assert.equal(result.errno, 0, `${what}: ${errnoName(result.errno)}`);
    this.open.push(result.value);
    return result.value;
  }

  /** An open /dev/kvm. */
  kvm(): number {
    return this.keep(open('/dev/kvm', O_RDWR), 'open of /dev/kvm');
  }

  /** A VM of the default type. */
  vm(kvm: number): number {
    return this.keep(ioctl(kvm, request('KVM_CREATE_VM')), 'KVM_CREATE_VM');
  }

  /** A vCPU. */
  vcpu(vm: number, id: number): number {
    return this.keep(ioctl(vm, request('KVM_CREATE_VCPU'), id), 'KVM_CREATE_VCPU');
  }

  closeAll(): void {
    for (const fd of this.open.splice(0).reverse()) assert.equal(close(fd).errno, 0);
  }
}

/** A request that fills a buffer of `sizeBytes`. */
export function read(fd: number, name: string, sizeBytes: number): Buffer {
  const buffer = Buffer.alloc(sizeBytes);
  assert.equal(ioctl(fd, request(name), buffer).errno, 0, name);
  return buffer;
}

/**
 * A request on a list: a 32-bit count, then entries. Returns the entries' bytes.
 * @param headerBytes where the entries begin
 */
export function readList(fd: number, name: string, headerBytes: number, entryBytes: number): Buffer {
  const buffer = Buffer.alloc(headerBytes + MOST_ENTRIES * entryBytes);
  buffer.writeUInt32LE(MOST_ENTRIES);
  assert.equal(ioctl(fd, request(name), buffer).errno, 0, name);
  return buffer.subarray(headerBytes, headerBytes + buffer.readUInt32LE() * entryBytes);
}

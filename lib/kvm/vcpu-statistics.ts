/** What KVM counts of one vCPU: faults it handled, instructions it left the guest for. */
import { closeSync, readSync } from 'node:fs';
import { attempt, FaultLabError } from '../errors/index.js';
import { decodeStatisticPlaces, decodeStatisticsHeader, ioctls, kvmStatsHeaderLayout, statisticDescriptorsSizeBytes } from '../uapi/index.js';
import type { Vcpu } from './vcpu.js';

/** The statistics file of a vCPU (api.rst, KVM_GET_STATS_FD). Lives on its own: close it. */
export class VcpuStatistics {
  private readonly offsets: ReadonlyMap<string, number>;
  private open = true;

  private constructor(private readonly fd: number) {
    const header = decodeStatisticsHeader(this.read(0, kvmStatsHeaderLayout.size));
    const places = decodeStatisticPlaces(header, this.read(header.descriptorsOffset, statisticDescriptorsSizeBytes(header)));
    this.offsets = new Map(places.map(({ name, offset }) => [name, offset]));
  }

  /** Opens it. Throws FaultLabError, `KVM_ENOTTY` on kernels before 5.14. */
  static of(vcpu: Vcpu): VcpuStatistics {
    const fd = vcpu.ioctl(ioctls.KVM_GET_STATS_FD);
    try {
      return new VcpuStatistics(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** The names of all single values. */
  get names(): readonly string[] {
    return [...this.offsets.keys()];
  }

  /** The value of `name` now, or undefined where this KVM does not count it. Exact below 2^53. */
  value(name: string): number | undefined {
    const offset = this.offsets.get(name);
    if (offset === undefined) return undefined;
    const bytes = this.read(offset, 8);
    return Number(new DataView(bytes.buffer).getBigUint64(0, true));
  }

  /**
   * Leaves the file to the caller, who closes it in the main thread once nobody reads any more: Node warns of a descriptor that a Worker closes and that did not
   * come from its own `fs`.
   */
  release(): number {
    this.open = false;
    return this.fd;
  }

  /** Idempotent. */
  close(): void {
    if (this.open) closeSync(this.fd);
    this.open = false;
  }

  private read(offset: number, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes);
    return attempt(`read ${lengthBytes} bytes of a vCPU's statistics`, () => {
      const got = readSync(this.fd, bytes, 0, lengthBytes, offset);
      if (got !== lengthBytes) throw new FaultLabError('KVM_STATISTICS', `the statistics of a vCPU end after ${offset + got} bytes; ${offset + lengthBytes} were announced`);
      return bytes;
    });
  }
}

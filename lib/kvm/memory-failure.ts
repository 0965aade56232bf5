import type { NativeVcpu } from '../native/addon.js';
import { BUS_MCEERR_AR, hva, type Hva } from '../uapi/index.js';

/**
 * Poisoned host memory that the kernel told a vCPU's thread about: SIGBUS with BUS_MCEERR_AR or BUS_MCEERR_AO (sigaction(2)). Memory is
 * poisoned by the hardware, by MADV_HWPOISON, or, for one mapping only, by UFFDIO_POISON.
 */
export interface MemoryFailure {
  /** `required`: the guest accessed it, and KVM repeats the access at each entry. `optional`: it is lost, but nobody asked for it yet. */
  readonly action: 'required' | 'optional';
  /** First byte of the range that is lost. */
  readonly hva: Hva;
  /** Bytes that are lost: a page, or a whole huge page. */
  readonly sizeBytes: number;
}

/** What the native vCPU noted, as a {@link MemoryFailure}. */
export function memoryFailureOf(noted: NonNullable<ReturnType<NativeVcpu['memoryFailure']>>): MemoryFailure {
  const size = 1n << BigInt(noted.lsb);
  return { action: noted.code === BUS_MCEERR_AR ? 'required' : 'optional', hva: hva(noted.hva & ~(size - 1n)), sizeBytes: Number(size) };
}

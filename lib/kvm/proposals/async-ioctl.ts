import { EFAULT, FaultLabError, fromNative } from '../../errors/index.js';
import { nativeAddon } from '../../native/index.js';
import { StructView, type StructLayout } from '../../uapi/index.js';
import { meansUnknown } from './errno-of.js';
import { uapiAbsent, uapiFailure } from './uapi-absent.js';

/**
 * A proposal's request that any thread may make of a vCPU, with an argument of its own that is filled anew for each call. Nothing is allocated
 * where it succeeds.
 */
export class AsyncIoctl<Field extends string> {
  /** What the next call passes. */
  readonly argument: StructView<Field>;
  private readonly bytes: Uint8Array;

  /**
   * @param share - `Vcpu.share()`
   * @param name - the request's name in C
   */
  constructor(
    private readonly share: number,
    private readonly request: number,
    private readonly name: string,
    layout: StructLayout<Field>,
  ) {
    this.argument = new StructView(layout, new DataView(new ArrayBuffer(layout.size)));
    this.bytes = this.argument.bytes();
  }

  /** Makes the request: 0 or the errno. Throws FaultLabError `BAD_SHARE` where the vCPU is closed. */
  try(): number {
    return this.call(this.bytes);
  }

  /**
   * Turns an errno of {@link try} into an error.
   * @param tried - completes "could not ..."
   * @throws FaultLabError: `UAPI_ABSENT` where the kernel does not know the request, otherwise `KVM_` and the errno's name; nothing for 0
   */
  check(errno: number, tried: string): void {
    if (errno === 0) return;
    // On x86 an unknown request and a wrong argument fail alike; asked with an argument that nobody can read they do not.
    if (meansUnknown(errno) && this.call(null) !== EFAULT) throw uapiAbsent(this.name, errno);
    throw uapiFailure(tried, this.name, errno);
  }

  private call(argument: Uint8Array | null): number {
    let result: number;
    try {
      result = nativeAddon().Vcpu.asyncIoctl(this.share, this.request, argument);
    } catch (error) {
      throw fromNative(error, `make ${this.name} of a vCPU`);
    }
    return result < 0 ? -result : 0;
  }
}

/** Throws FaultLabError `BAD_ARGUMENT` unless `gpa` is a whole number of bytes that a 64-bit field can hold exactly. Alignment is KVM's to judge. */
export function checkGpa(gpa: number): void {
  if (!Number.isSafeInteger(gpa) || gpa < 0) throw new FaultLabError('BAD_ARGUMENT', `${gpa} is no guest physical address`);
}

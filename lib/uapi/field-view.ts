const TWO_32 = 0x1_0000_0000;

/**
 * One field of a kernel structure, in place, little endian. Nothing but `get` and `set` allocates. Bound to its place once,
 * so that an access in the vCPU loop costs a few nanoseconds.
 */
export class FieldView {
  /** Full name of the field, for errors: `kvm_regs.rip`. */
  readonly name: string;
  readonly #data: DataView;
  readonly #at: number;
  readonly #size: number;

  /** `at` is the field's byte in `data`, `size` 1, 2, 4 or 8 bytes; of a larger field the first 8 are accessible. */
  constructor(name: string, data: DataView, at: number, size: number) {
    this.name = name;
    this.#data = data;
    this.#at = at;
    this.#size = size;
  }

  /** The field as a Number: exact for 8, 16 and 32 bits, and for 64 bits below 2^53. */
  number(): number {
    switch (this.#size) {
      case 1:
        return this.#data.getUint8(this.#at);
      case 2:
        return this.#data.getUint16(this.#at, true);
      case 4:
        return this.#data.getUint32(this.#at, true);
      default:
        return this.#data.getUint32(this.#at + 4, true) * TWO_32 + this.#data.getUint32(this.#at, true);
    }
  }

  /** Writes a non-negative safe integer. Bits beyond the field are dropped, as C does. Throws RangeError for any other number. */
  setNumber(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${this.name} cannot be ${value}`);
    switch (this.#size) {
      case 1:
        this.#data.setUint8(this.#at, value);
        break;
      case 2:
        this.#data.setUint16(this.#at, value, true);
        break;
      case 4:
        this.#data.setUint32(this.#at, value, true);
        break;
      default:
        this.#data.setUint32(this.#at, value, true);
        this.#data.setUint32(this.#at + 4, Math.floor(value / TWO_32), true);
    }
  }

  /** Bits 31:0 of a 32- or 64-bit field, unsigned. */
  low(): number {
    return this.#data.getUint32(this.#at, true);
  }

  /** Bits 63:32 of a 64-bit field, unsigned. */
  high(): number {
    return this.#data.getUint32(this.#at + 4, true);
  }

  /** Writes a 64-bit field from two 32-bit halves. */
  setLowHigh(low: number, high: number): void {
    this.#data.setUint32(this.#at, low, true);
    this.#data.setUint32(this.#at + 4, high, true);
  }

  /** All bits as a BigInt. Allocates. */
  get(): bigint {
    return this.#size >= 8 ? this.#data.getBigUint64(this.#at, true) : BigInt(this.number());
  }

  /** Writes a BigInt, modulo the field's width. */
  set(value: bigint): void {
    if (this.#size >= 8) this.#data.setBigUint64(this.#at, value, true);
    else this.setNumber(Number(BigInt.asUintN(this.#size * 8, value)));
  }
}

import type { FieldLayout, StructLayout } from './layout.js';

const TWO_32 = 0x1_0000_0000;

/**
 * Reads and writes the fields of one kernel structure in place, little endian, without copying.
 *
 * Every accessor but `get` and `set` allocates nothing: 64-bit fields come as a Number (exact below 2^53) or as two
 * unsigned 32-bit halves. `get` and `set` are for the API edge, where all 64 bits matter and a BigInt costs nothing.
 */
export class StructView<Field extends string> {
  /** The bytes behind this view: the structure starts at `base`. */
  protected readonly data: DataView;
  protected readonly base: number;
  readonly #layout: StructLayout<Field>;
  readonly #fields: Readonly<Record<Field, FieldLayout>>;

  /** Throws RangeError where the structure does not fit into `data` at byte `base`. */
  constructor(layout: StructLayout<Field>, data: DataView, base = 0) {
    if (base < 0 || base + layout.size > data.byteLength) {
      throw new RangeError(`${layout.name} is ${layout.size} bytes; ${data.byteLength - base} are there`);
    }
    this.#layout = layout;
    this.#fields = layout.fields;
    this.data = data;
    this.base = base;
  }

  /** Where the fields are. */
  get layout(): StructLayout<Field> {
    return this.#layout;
  }

  /** A field as a Number: exact for 8, 16 and 32 bits, and for 64 bits below 2^53. */
  number(field: Field): number {
    const { offset, size } = this.#fields[field];
    const at = this.base + offset;
    switch (size) {
      case 1:
        return this.data.getUint8(at);
      case 2:
        return this.data.getUint16(at, true);
      case 4:
        return this.data.getUint32(at, true);
      default:
        return this.data.getUint32(at + 4, true) * TWO_32 + this.data.getUint32(at, true);
    }
  }

  /** Writes a field from a non-negative safe integer. Bits beyond the field are dropped, as C does. Throws RangeError otherwise. */
  setNumber(field: Field, value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${this.#layout.name}.${field} cannot be ${value}`);
    const { offset, size } = this.#fields[field];
    const at = this.base + offset;
    switch (size) {
      case 1:
        this.data.setUint8(at, value);
        break;
      case 2:
        this.data.setUint16(at, value, true);
        break;
      case 4:
        this.data.setUint32(at, value, true);
        break;
      default:
        this.data.setUint32(at, value, true);
        this.data.setUint32(at + 4, Math.floor(value / TWO_32), true);
    }
  }

  /** Bits 31:0 of a 32- or 64-bit field, unsigned. */
  low(field: Field): number {
    return this.data.getUint32(this.base + this.#fields[field].offset, true);
  }

  /** Bits 63:32 of a 64-bit field, unsigned. */
  high(field: Field): number {
    return this.data.getUint32(this.base + this.#fields[field].offset + 4, true);
  }

  /** Writes a 64-bit field from two 32-bit halves. */
  setLowHigh(field: Field, low: number, high: number): void {
    const at = this.base + this.#fields[field].offset;
    this.data.setUint32(at, low, true);
    this.data.setUint32(at + 4, high, true);
  }

  /** A field as a BigInt: all bits of it. Allocates. */
  get(field: Field): bigint {
    const { offset, size } = this.#fields[field];
    return size === 8 ? this.data.getBigUint64(this.base + offset, true) : BigInt(this.number(field));
  }

  /** Writes a field from a BigInt, modulo its width. */
  set(field: Field, value: bigint): void {
    const { offset, size } = this.#fields[field];
    if (size === 8) this.data.setBigUint64(this.base + offset, value, true);
    else this.setNumber(field, Number(BigInt.asUintN(size * 8, value)));
  }

  /** The structure's bytes, in place: what an ioctl takes. */
  bytes(): Uint8Array {
    return new Uint8Array(this.data.buffer, this.data.byteOffset + this.base, this.#layout.size);
  }
}

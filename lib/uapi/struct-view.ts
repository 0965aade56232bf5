import { FieldView } from './field-view.js';
import type { StructLayout } from './layout.js';

/**
 * Reads and writes the fields of one kernel structure in place, little endian, without copying.
 *
 * The vCPU loop uses `view.field.rip.number()`: the field is bound to its place, and nothing is allocated. Everywhere else the
 * methods that take a name are shorter. `get` and `set` are for the API edge, where all 64 bits matter and a BigInt costs
 * nothing.
 */
export class StructView<Field extends string> {
  /** Where the fields are. */
  readonly layout: StructLayout<Field>;
  /** Each field, bound to its place. */
  readonly field: Readonly<Record<Field, FieldView>>;
  /** The bytes behind this view: the structure starts at `base`. */
  protected readonly data: DataView;
  protected readonly base: number;

  /** Throws RangeError where the structure does not fit into `data` at byte `base`. */
  constructor(layout: StructLayout<Field>, data: DataView, base = 0) {
    if (base < 0 || base + layout.size > data.byteLength) {
      throw new RangeError(`${layout.name} is ${layout.size} bytes; ${data.byteLength - base} are there`);
    }
    this.layout = layout;
    this.data = data;
    this.base = base;
    const names = Object.keys(layout.fields) as Field[];
    this.field = Object.fromEntries(
      names.map((name) => [name, new FieldView(`${layout.name}.${name}`, data, base + layout.fields[name].offset, layout.fields[name].size)]),
    ) as Record<Field, FieldView>;
  }

  /** `FieldView.number` of a field. */
  number(field: Field): number {
    return this.field[field].number();
  }

  /** `FieldView.setNumber` of a field. */
  setNumber(field: Field, value: number): void {
    this.field[field].setNumber(value);
  }

  /** `FieldView.low` of a field. */
  low(field: Field): number {
    return this.field[field].low();
  }

  /** `FieldView.high` of a field. */
  high(field: Field): number {
    return this.field[field].high();
  }

  /** `FieldView.setLowHigh` of a field. */
  setLowHigh(field: Field, low: number, high: number): void {
    this.field[field].setLowHigh(low, high);
  }

  /** `FieldView.get` of a field. */
  get(field: Field): bigint {
    return this.field[field].get();
  }

  /** `FieldView.set` of a field. */
  set(field: Field, value: bigint): void {
    this.field[field].set(value);
  }

  /** The structure's bytes, in place: what an ioctl takes. */
  bytes(): Uint8Array {
    return new Uint8Array(this.data.buffer, this.data.byteOffset + this.base, this.layout.size);
  }
}

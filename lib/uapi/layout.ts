/** Where the fields of a kernel structure are. Each layout is written once; tests hold it to the addon and a C compiler. */

/** Place of one field, in bytes. */
export interface FieldLayout {
  readonly offset: number;
  readonly size: number;
}

/** A kernel structure: `name` without `struct`, `size` in bytes. A field of a nested structure is `outer.inner`. */
export interface StructLayout<Field extends string = string> {
  readonly name: string;
  readonly size: number;
  readonly fields: Readonly<Record<Field, FieldLayout>>;
}

/** Builds a layout from `[offset, size]` pairs. Throws RangeError where a field leaves the structure. */
export function structLayout<const Field extends string>(
  name: string,
  size: number,
  fields: Readonly<Record<Field, readonly [offset: number, size: number]>>,
): StructLayout<Field> {
  const entries = Object.entries<readonly [number, number]>(fields).map(([field, [offset, fieldSize]]) => {
    if (offset + fieldSize > size) throw new RangeError(`${name}.${field} ends past the structure`);
    return [field, { offset, size: fieldSize }] as const;
  });
  return { name, size, fields: Object.fromEntries(entries) as Record<Field, FieldLayout> };
}

import assert from 'node:assert/strict';
import { addon } from './addon.js';
import { evaluateInC } from './c-compiler.js';
import { type Place, nameInC, newerFields, newerLayouts } from './struct-layout.js';

/** Every size and offset of the addon's structures as C expressions, by "struct", "struct.field.offset" and "struct.field.size". */
function expressions(): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [struct, { fields }] of Object.entries(addon.layouts)) {
    all[struct] = `sizeof(struct ${struct})`;
    for (const field of Object.keys(fields)) {
      const member = nameInC[`${struct}.${field}`] ?? field;
      all[`${struct}.${field}.offset`] = `offsetof(struct ${struct}, ${member})`;
      all[`${struct}.${field}.size`] = `sizeof(((struct ${struct} *)0)->${member})`;
    }
  }
  return all;
}

describe('structure layouts', () => {
  let inC: Record<string, number>;

  before(() => {
    inC = evaluateInC(expressions());
  });

  const placeInC = (name: string): Place | undefined =>
    `${name}.offset` in inC ? { offset: inC[`${name}.offset`], size: inC[`${name}.size`] } : undefined;

  for (const [struct, layout] of Object.entries(addon.layouts)) {
    it(`struct ${struct} is laid out as the kernel lays it out`, () => {
      const newer = newerLayouts[struct];
      const sizes = [inC[struct] as number | undefined, newer?.size].filter((size) => size !== undefined);
      assert.ok(sizes.length > 0, 'neither the C headers nor the oracle know it');
      for (const size of sizes) assert.equal(layout.size, size);
      for (const [field, { offset, size }] of Object.entries(layout.fields)) {
        const name = `${struct}.${field}`;
        const places = [placeInC(name), newer?.fields[field], newerFields[name]].filter((place) => place !== undefined);
        assert.ok(places.length > 0, `neither the C headers nor the oracle know ${field} in it`);
        for (const place of places) assert.deepEqual({ offset, size }, place, field);
      }
    });
  }

  it('nearly all were checked by the C compiler and not by the oracle alone', () => {
    const structs = Object.keys(addon.layouts);
    const byArithmetic = structs.filter((struct) => !(struct in inC));
    assert.ok(structs.length > 15, `only ${structs.length} structures`);
    assert.ok(byArithmetic.length <= Object.keys(newerLayouts).length, byArithmetic.join(', '));
  });
});

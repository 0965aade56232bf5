import assert from 'node:assert/strict';
import { addon } from './addon.js';
import { evaluateInC } from './c-compiler.js';
import { newerLayouts } from './struct-layout.js';

/** Every size and offset of the addon's structures as C expressions, by "struct", "struct.field.offset" and "struct.field.size". */
function expressions(): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [struct, { fields }] of Object.entries(addon.layouts)) {
    all[struct] = `sizeof(struct ${struct})`;
    for (const field of Object.keys(fields)) {
      all[`${struct}.${field}.offset`] = `offsetof(struct ${struct}, ${field})`;
      all[`${struct}.${field}.size`] = `sizeof(((struct ${struct} *)0)->${field})`;
    }
  }
  return all;
}

describe('structure layouts', () => {
  let inC: Record<string, number>;

  before(() => {
    inC = evaluateInC(expressions());
  });

  for (const [struct, layout] of Object.entries(addon.layouts)) {
    it(`struct ${struct} is laid out as C lays it out`, () => {
      const newer = newerLayouts[struct];
      assert.ok(struct in inC || newer !== undefined, 'neither the C headers nor the oracle know it');
      if (newer !== undefined) assert.deepEqual(layout, newer);
      if (!(struct in inC)) return;
      assert.equal(layout.size, inC[struct]);
      for (const [field, { offset, size }] of Object.entries(layout.fields)) {
        const known = `${struct}.${field}.offset` in inC;
        assert.ok(known || newer !== undefined, `the C headers know no ${field} in it`);
        if (known) assert.deepEqual({ offset, size }, { offset: inC[`${struct}.${field}.offset`], size: inC[`${struct}.${field}.size`] }, field);
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

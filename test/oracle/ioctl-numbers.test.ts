import assert from 'node:assert/strict';
import { addon } from './addon.js';
import { evaluateInC } from './c-compiler.js';
import { requestNumbers } from './ioctl-number.js';

describe('request numbers', () => {
  const names = Object.keys(addon.ioctls);

  it('each of the addon is what the kernel documents', () => {
    assert.ok(names.length > 30, `only ${names.length} requests`);
    for (const name of names) assert.equal(addon.ioctls[name], requestNumbers[name], name);
  });

  it('each that the distribution knows is what its C compiler says', () => {
    const inC = evaluateInC(Object.fromEntries(names.map((name) => [name, name])));
    const known = Object.keys(inC);
    assert.ok(known.includes('KVM_RUN') && known.includes('UFFDIO_COPY'), 'the C headers define nothing');
    for (const name of known) assert.equal(addon.ioctls[name], inC[name], name);
  });

  it('the oracle itself agrees with the C compiler', () => {
    const inC = evaluateInC(Object.fromEntries(Object.keys(requestNumbers).map((name) => [name, name])));
    for (const [name, value] of Object.entries(inC)) assert.equal(requestNumbers[name], value, name);
  });
});

import assert from 'node:assert/strict';
import { Command } from 'commander';
import { FaultLabError } from '../../lib/errors/index.js';
import type { CapabilityNumbers } from '../../lib/kvm/index.js';
import { capabilityOption, parseCapability, parseUapiName, profileWith, uapiOption } from '../../lib/cli/uapi-options.js';
import { UAPI_NAMES } from '../../lib/uapi/proposals/index.js';

/** What a command with both options makes of its arguments. */
function parsed(...args: string[]): { uapi?: string; cap?: CapabilityNumbers } {
  const command = new Command('x').exitOverride().addOption(uapiOption()).addOption(capabilityOption());
  command.parse(args, { from: 'user' });
  return command.opts();
}

function refused(message: RegExp, call: () => unknown): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof FaultLabError, String(error));
    assert.equal(error.code, 'BAD_OPTION');
    assert.match(error.message, message);
    assert.ok(error.hint !== undefined && error.hint !== '', 'no hint');
    return true;
  });
}

describe('--uapi and --cap', () => {
  it('take every profile, and as many capability numbers as are given', () => {
    for (const name of UAPI_NAMES) assert.equal(parsed('--uapi', name).uapi, name);
    assert.deepEqual(parsed('--cap', 'userfault=243', '--cap', 'async-pf-userfault=250').cap, { userfault: 243, 'async-pf-userfault': 250 });
    assert.equal(parsed().cap, undefined);
  });

  it('refuse a uAPI that is none, and name those that are', () => {
    for (const name of ['', 'Stock', 'userfault ', 'toString', '__proto__']) refused(/unknown uAPI/, () => parseUapiName(name));
  });

  it('refuse what is no NAME=NUMBER', () => {
    for (const text of ['', 'userfault', '245', 'userfault:245']) refused(/NAME=NUMBER/, () => parseCapability(text));
    for (const text of ['=245', 'USERFAULT=245', 'user fault=245', '__proto__=245', 'toString=245']) refused(/no proposal has a capability/, () => parseCapability(text));
    for (const digits of ['', '0', '-1', '2.5', '0x10', '1e3', '245 ', '12345678901', '9=9']) refused(/no capability number/, () => parseCapability(`userfault=${digits}`));
    refused(/cannot have number/, () => parseCapability('userfault=4294967296'));
  });

  it('refuse a capability given twice, and one number for two', () => {
    refused(/given twice, as 243 and as 245/, () => parsed('--cap', 'userfault=243', '--cap', 'userfault=245'));
    refused(/cannot both be capability 250/, () => parsed('--cap', 'userfault=250', '--cap', 'async-pf-userfault=250'));
  });

  it('refuse the number of a merged capability, but where the proposal is known to have had it', () => {
    refused(/KVM_CAP_ASYNC_PF_INT, which is merged/, () => parseCapability('userfault=183'));
    refused(/KVM_CAP_GUEST_MEMFD_FLAGS, which is merged/, () => parseCapability('async-pf-userfault=244'));
    assert.equal(profileWith('async-pf-user-2024').capabilities[0].number, 236);
  });

  it('give a profile its numbers, pass over those of others, and refuse a clash with what it has', () => {
    const numbers = { userfault: 243, 'async-pf-userfault': 250 };
    assert.deepEqual(
      profileWith('async-pf-userfault-2026', numbers).capabilities.map(({ number }) => number),
      [243, 250, 247],
    );
    assert.deepEqual(
      profileWith('userfault', numbers).capabilities.map(({ number }) => number),
      [243],
    );
    assert.deepEqual(profileWith('stock', numbers).capabilities, []);
    refused(/has number 246/, () => profileWith('async-pf-userfault-2026', parseCapability('userfault=246')));
  });
});

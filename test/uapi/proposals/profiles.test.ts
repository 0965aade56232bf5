import assert from 'node:assert/strict';
import { FaultLabError } from '../../../lib/errors/index.js';
import { capabilities } from '../../../lib/uapi/index.js';
import {
  checkProfile,
  FaultAction,
  isUapiName,
  ProposalModel,
  UAPI_NAMES,
  UAPI_PROFILES,
  withCapabilityNumbers,
  type UapiProfile,
} from '../../../lib/uapi/proposals/index.js';
import { BASE, USER } from './scenario.js';

const PREFIX: Readonly<Record<string, string>> = {
  stock: 'st',
  userfault: 'uf',
  'async-pf-user-2024': 'u24',
  'async-pf-userfault-2026': 'u26',
  'sync-async-2bit': '2b',
};
const { userfault, 'async-pf-userfault-2026': rings, 'async-pf-user-2024': rfc } = UAPI_PROFILES;

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof FaultLabError);
    assert.ok((error.hint ?? '') !== '', `${error.code} has no hint`);
    return error.code;
  }
  return 'none';
}

describe('uAPI profiles', () => {
  for (const name of UAPI_NAMES) {
    const profile = UAPI_PROFILES[name];
    describe(name, () => {
      it('holds together', () => {
        assert.equal(profile.name, name);
        assert.equal(codeOf(() => { checkProfile(profile); }), 'none');
      });

      it('numbers its rules one after the other', () => {
        assert.deepEqual(profile.rules.map(({ id }) => id), profile.rules.map((_, index) => `${PREFIX[name]}-${String(index + 1).padStart(2, '0')}`));
        assert.ok(profile.rules.length >= 12);
      });

      it('has rules of one sentence each, no two alike', () => {
        for (const { id, sentence } of profile.rules) assert.match(sentence, /^[^.]*[A-Za-z0-9](?:[^.]|\.\S)*\.$/, id);
        assert.equal(new Set(profile.rules.map(({ sentence }) => sentence)).size, profile.rules.length);
      });

      it('says what an emulation does not reproduce', () => {
        assert.ok(profile.notReproduced.length > 0);
      });

      it('makes a model of any shape, and over words that others hold', () => {
        const shape = { vcpus: 2, pages: 33, baseGpa: BASE };
        const model = profile.createModel(shape);
        assert.ok(model instanceof ProposalModel);
        assert.equal(model.words.length, ProposalModel.wordCount(shape));
        assert.equal(model.touch(1, 32, 0, USER), FaultAction.MAP);
        assert.equal(profile.createModel(shape, model.words).slot.isMapped(32), true);
      });
    });
  }

  it('are found by name, and nothing else is', () => {
    assert.deepEqual(Object.keys(UAPI_PROFILES), [...UAPI_NAMES]);
    for (const none of ['', 'Stock', 'userfault ', 'toString', '__proto__']) assert.equal(isUapiName(none), false);
  });

  it('have the numbers and sizes of the patches', () => {
    assert.deepEqual(rfc.ioctls, { KVM_ASYNC_PF_USER_READY: 0x4004_aed6 });
    assert.deepEqual(rings.ioctls, { KVM_ASYNC_PF: 0x4020_aed6, KVM_SET_APF_EVENTFD: 0x4020_aed9 });
    assert.deepEqual(rings.capabilities.map(({ number }) => number), [245, 246, 247]);
    assert.deepEqual(rings.layouts.map(({ size }) => size), [160, 32, 32, 2368]);
    assert.equal(userfault.layouts[0].fields.userfault_bitmap.offset, 48);
    assert.equal(UAPI_PROFILES['sync-async-2bit'].layouts[0].fields.userfault_async_bitmap.offset, 56);
    assert.equal(rfc.layouts[0].fields['memory_fault.async_pf_user_token'].offset, 56);
  });
});

describe('capability numbers of a profile', () => {
  it('can be given, and say where the one before was seen', () => {
    const changed = withCapabilityNumbers(rings, { 'async-pf-userfault': 300 });
    assert.deepEqual(changed.capabilities.map(({ number }) => number), [245, 300, 247]);
    assert.match(changed.capabilities[1].alsoSeen?.[246] ?? '', /6\.18/);
    assert.equal(rings.capabilities[1].number, 246, 'the profile itself stays');
  });

  it('are refused for names that are none', () => {
    for (const name of ['async-pf', 'USERFAULT', 'constructor', '']) assert.equal(codeOf(() => withCapabilityNumbers(userfault, { [name]: 300 })), 'CAP_UNKNOWN');
    assert.equal(codeOf(() => withCapabilityNumbers(UAPI_PROFILES.stock, { userfault: 245 })), 'CAP_UNKNOWN');
  });

  it('are refused when no kernel has them', () => {
    for (const number of [0, -1, 1.5, NaN, Infinity, 2 ** 31]) assert.equal(codeOf(() => withCapabilityNumbers(userfault, { userfault: number })), 'CAP_NUMBER');
  });

  it('are refused when they clash, with each other or with what is merged', () => {
    assert.equal(codeOf(() => withCapabilityNumbers(rings, { userfault: 246 })), 'CAP_CLASH');
    for (const merged of [capabilities.PRE_FAULT_MEMORY, capabilities.ASYNC_PF, capabilities.GUEST_MEMFD_FLAGS]) {
      assert.equal(codeOf(() => withCapabilityNumbers(userfault, { userfault: merged })), 'CAP_CLASH');
      assert.equal(codeOf(() => withCapabilityNumbers(rfc, { userfault: merged })), merged === capabilities.PRE_FAULT_MEMORY ? 'none' : 'CAP_CLASH', 'the RFC owns up to one clash');
    }
  });

  it('may be swapped', () => {
    assert.equal(codeOf(() => withCapabilityNumbers(rings, { 'async-pf-userfault': 247, 'async-pf-userfault-eventfd': 246 })), 'none');
  });
});

describe('malformed profiles', () => {
  const [rule] = userfault.rules;
  const [capability] = userfault.capabilities;
  const table: Readonly<Record<string, Partial<UapiProfile>>> = {
    'a name that --uapi does not take': { name: 'other' as never },
    'no summary': { summary: '' },
    'two capabilities of one name': { capabilities: [capability, { ...capability, number: 300 }] },
    'a clash that is none': { capabilities: [{ ...capability, knownClash: 'ASYNC_PF' }] },
    'a field outside its structure': { layouts: [{ name: 'a', size: 8, fields: { b: { offset: 8, size: 4 } } }] },
    'a request of another subsystem': { ioctls: { UFFDIO_API: 0xc018_aa3f } },
    'two requests of one number': { ioctls: { A: 0xae80, B: 0xae80 } },
    'a request with no structure': { ioctls: { A: 0x4003_aed6 } },
    'a constant that is no integer': { constants: { A: 0.5 } },
    'an id that is none': { rules: [{ ...rule, id: 'uf-1' }] },
    'two rules of one id': { rules: [rule, rule] },
    'a rule without a source': { rules: [{ ...rule, source: '' }] },
    'a rule that cannot be seen, and no reason': { rules: [{ ...rule, observable: 'kernel-only' }] },
    'a rule that can be seen, and a reason why not': { rules: [{ ...rule, unseenBecause: 'nobody looks' }] },
  };
  for (const [what, change] of Object.entries(table)) {
    it(`are refused: ${what}`, () => {
      assert.equal(codeOf(() => { checkProfile({ ...userfault, ...change }); }), 'PROFILE_MALFORMED');
    });
  }
});

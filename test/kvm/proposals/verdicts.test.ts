import assert from 'node:assert/strict';
import { EFAULT, EINVAL, ENOENT, ENOTTY, FaultLabError } from '../../../lib/errors/index.js';
import {
  asyncPfUserfaultSupport,
  asyncPfUserSupport,
  requireUapi,
  syncAsyncTwoBitSupport,
  userfaultSupport,
  type AsyncPfUserAnswers,
  type AsyncPfUserfaultAnswers,
  type CapabilityAnswer,
  type SyncAsyncTwoBitAnswers,
  type UapiSupport,
  type UserfaultAnswers,
} from '../../../lib/kvm/index.js';
import { UAPI_PROFILES } from '../../../lib/uapi/proposals/index.js';

/** Answers of kernels that were never here: verdicts are pure. */
const capability = (option: string, number: number, value = 1): CapabilityAnswer => ({ title: `KVM_CAP_${option.toUpperCase()}`, option, number, value });
const absentCapability = (option: string, number: number): CapabilityAnswer => capability(option, number, 0);

const USERFAULT: UserfaultAnswers = { capability: capability('userfault', 245), plainSlot: 0, flag: 0, flagWithBadBitmap: EINVAL, otherCapabilities: [] };
const RFC: AsyncPfUserAnswers = { userfault: USERFAULT, memoryAttributes: 0, readyUnreadable: EFAULT, readyUnknownToken: EINVAL, laterRequest: EINVAL };
const I4: AsyncPfUserfaultAnswers = {
  userfault: USERFAULT,
  capability: capability('async-pf-userfault', 246),
  eventfdCapability: capability('async-pf-userfault-eventfd', 247),
  requestUnreadable: EFAULT,
  operations: [EINVAL, ENOENT, ENOENT],
  eventfdUnreadable: EFAULT,
  formerEventfdUnreadable: EINVAL,
  enableWithTwo: EINVAL,
  enable: 0,
  register: 0,
  sharedPage: { version: 1, ringSize: 64, entrySizeBytes: 16 },
};
const TWO_BIT: SyncAsyncTwoBitAnswers = {
  userfault: USERFAULT,
  capability: capability('userfault-async', 248),
  flags: 0,
  flagsWithBadBitmap: EINVAL,
  secondFlagAlone: EINVAL,
  readyUnreadable: EFAULT,
  readyUnknown: ENOENT,
  readyUnaligned: EINVAL,
};

function refused(support: UapiSupport, why: RegExp): void {
  assert.equal(support.native, false, support.why);
  assert.match(support.why, /^this kernel does not have /);
  assert.match(support.why, why);
  assert.ok(support.facts.some(({ speaks }) => speaks === 'against') || /number/.test(support.why), 'nothing speaks against it');
  assert.throws(
    () => {
      requireUapi(support);
    },
    (error) => error instanceof FaultLabError && error.code === 'UAPI_ABSENT' && error.message.startsWith(support.why) && error.hint !== undefined,
  );
}

function taken(support: UapiSupport): void {
  assert.equal(support.native, true, support.why);
  assert.deepEqual(
    support.facts.filter(({ speaks }) => speaks === 'against'),
    [],
  );
  requireUapi(support);
}

describe('the verdict about a kernel', () => {
  it('is native where every fact speaks for it', () => {
    taken(userfaultSupport(USERFAULT));
    taken(asyncPfUserSupport(RFC));
    taken(asyncPfUserfaultSupport(I4));
    taken(syncAsyncTwoBitSupport(TWO_BIT));
  });

  describe('on userfault', () => {
    it('does not believe a number whose flag is refused', () => {
      refused(userfaultSupport({ ...USERFAULT, flag: EINVAL }), /capability number 245 answers, but .* belongs to something else/);
    });
    it('does not believe a flag that takes any address for a bitmap', () => {
      refused(userfaultSupport({ ...USERFAULT, flagWithBadBitmap: 0 }), /flag 1 << 3 is something else/);
    });
    it('says which option to give where the number is another, and which numbers answer', () => {
      const support = userfaultSupport({ ...USERFAULT, capability: absentCapability('userfault', 245), otherCapabilities: [{ number: 251, value: 1 }] });
      refused(support, /--cap userfault=NUMBER/);
      assert.ok(support.facts.some(({ found }) => found.includes('251')));
    });
    it('says so where memslots have no such request at all', () => {
      refused(userfaultSupport({ ...USERFAULT, capability: absentCapability('userfault', 245), plainSlot: ENOTTY, flag: ENOTTY, flagWithBadBitmap: ENOTTY }), /KVM_SET_USER_MEMORY_REGION2/);
    });
  });

  describe('on async-pf-user-2024', () => {
    it('takes EINVAL for a token for no proof, as an unknown request gives it too', () => {
      refused(asyncPfUserSupport({ ...RFC, readyUnreadable: EINVAL }), /does not know KVM_ASYNC_PF_USER_READY/);
    });
    it('knows the later design by the size of its request', () => {
      refused(asyncPfUserSupport({ ...RFC, readyUnreadable: EINVAL, laterRequest: EFAULT }), /design of 2026 in its place/);
    });
    it('does not believe a request that takes a token never issued', () => {
      refused(asyncPfUserSupport({ ...RFC, readyUnknownToken: 0 }), /never issued/);
    });
    it('wants pages intercepted, by a memslot flag or by a memory attribute', () => {
      const noFlag = { ...USERFAULT, flag: EINVAL };
      refused(asyncPfUserSupport({ ...RFC, userfault: noFlag }), /no way to intercept/);
      taken(asyncPfUserSupport({ ...RFC, userfault: noFlag, memoryAttributes: 1 << 4 }));
    });
    it('notes that its number is a merged capability now', () => {
      const support = asyncPfUserSupport({ ...RFC, userfault: { ...USERFAULT, capability: { ...capability('userfault', 236), mergedName: 'KVM_CAP_PRE_FAULT_MEMORY' } } });
      assert.match(support.facts[0].found, /KVM_CAP_PRE_FAULT_MEMORY/);
      assert.equal(support.facts[0].speaks, 'nothing');
    });
  });

  describe('on async-pf-userfault-2026', () => {
    it('refuses the iterations before by name', () => {
      const former = { ...I4, eventfdUnreadable: EINVAL, formerEventfdUnreadable: EFAULT, register: -1, sharedPage: undefined };
      refused(asyncPfUserfaultSupport({ ...former, operations: [ENOENT, ENOENT, EINVAL] }), /iteration i3/);
      refused(asyncPfUserfaultSupport({ ...former, operations: [ENOENT, ENOENT, ENOENT] }), /iteration i2/);
    });
    it('takes a mixture of iterations for none', () => {
      refused(asyncPfUserfaultSupport({ ...I4, eventfdUnreadable: EINVAL, formerEventfdUnreadable: EFAULT, sharedPage: undefined }), /no iteration/);
      refused(asyncPfUserfaultSupport({ ...I4, sharedPage: { version: 1, ringSize: 32, entrySizeBytes: 16 } }), /no iteration/);
    });
    it('does not believe a number without the request', () => {
      refused(asyncPfUserfaultSupport({ ...I4, requestUnreadable: EINVAL }), /246 answers, but there is no KVM_ASYNC_PF/);
    });
    it('wants the number, interception, and a capability that refuses what the proposal refuses', () => {
      refused(asyncPfUserfaultSupport({ ...I4, capability: absentCapability('async-pf-userfault', 246) }), /--cap async-pf-userfault=NUMBER/);
      refused(asyncPfUserfaultSupport({ ...I4, userfault: { ...USERFAULT, flag: EINVAL } }), /something else/);
      refused(asyncPfUserfaultSupport({ ...I4, enableWithTwo: 0 }), /cannot be enabled/);
      refused(asyncPfUserfaultSupport({ ...I4, register: EINVAL }), /no eventfds/);
      refused(asyncPfUserfaultSupport({ ...I4, sharedPage: undefined }), /shared page/);
    });
  });

  describe('on sync-async-2bit', () => {
    it('wants both flags, and the second one not alone', () => {
      refused(syncAsyncTwoBitSupport({ ...TWO_BIT, flags: EINVAL }), /belongs to something else/);
      refused(syncAsyncTwoBitSupport({ ...TWO_BIT, flags: EINVAL, capability: absentCapability('userfault-async', 248) }), /one bit a page/);
      refused(syncAsyncTwoBitSupport({ ...TWO_BIT, secondFlagAlone: 0 }), /does not behave as proposed/);
    });
    it('wants the request, and its errors', () => {
      refused(syncAsyncTwoBitSupport({ ...TWO_BIT, readyUnreadable: EINVAL }), /belongs to something else/);
      refused(syncAsyncTwoBitSupport({ ...TWO_BIT, readyUnknown: 0 }), /does not behave as proposed/);
      refused(syncAsyncTwoBitSupport({ ...TWO_BIT, readyUnaligned: ENOENT }), /does not behave as proposed/);
    });
    it('says which option to give where the number is another', () => {
      refused(syncAsyncTwoBitSupport({ ...TWO_BIT, capability: absentCapability('userfault-async', 248) }), /--cap userfault-async=NUMBER/);
    });
  });

  it('names each profile as the profiles do', () => {
    for (const support of [userfaultSupport(USERFAULT), asyncPfUserSupport(RFC), asyncPfUserfaultSupport(I4), syncAsyncTwoBitSupport(TWO_BIT)]) assert.ok(Object.hasOwn(UAPI_PROFILES, support.name));
  });
});

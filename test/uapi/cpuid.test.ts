import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  cpuidSignature,
  decodeCpuid,
  encodeCpuid,
  findCpuid,
  hasCpuidBit,
  KVM_CPUID_FEATURES,
  KVM_CPUID_FLAG_SIGNIFICANT_INDEX,
  KVM_CPUID_SIGNATURE,
  KVM_FEATURE_ASYNC_PF_INT,
  setCpuidBit,
  type CpuidEntry,
} from '../../lib/uapi/index.js';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const entry: fc.Arbitrary<CpuidEntry> = fc.record({ function: u32, index: u32, flags: u32, eax: u32, ebx: u32, ecx: u32, edx: u32 }, { noNullPrototype: true });

function leaf(values: Partial<CpuidEntry>): CpuidEntry {
  return { function: 0, index: 0, flags: 0, eax: 0, ebx: 0, ecx: 0, edx: 0, ...values };
}

describe('CPUID codec', () => {
  it('gives back what was encoded, also from the middle of a buffer', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), fc.nat(7), (entries, skew) => {
        const bytes = encodeCpuid(entries);
        assert.equal(bytes.byteLength, entries.length * 40);
        assert.deepEqual(decodeCpuid(bytes), entries);
        const elsewhere = new Uint8Array(skew + bytes.byteLength);
        elsewhere.set(bytes, skew);
        assert.deepEqual(decodeCpuid(elsewhere.subarray(skew)), entries);
      }),
    );
  });

  it('refuses bytes that are no whole number of entries', () => {
    assert.throws(() => decodeCpuid(new Uint8Array(41)), /41 bytes/);
  });

  it('matches the subleaf only where the entry says that it matters', () => {
    const plain = leaf({ function: 1, index: 5, eax: 1 });
    const first = leaf({ function: 4, index: 0, flags: KVM_CPUID_FLAG_SIGNIFICANT_INDEX, eax: 2 });
    const second = leaf({ function: 4, index: 1, flags: KVM_CPUID_FLAG_SIGNIFICANT_INDEX, eax: 3 });
    const entries = [plain, first, second];
    assert.equal(findCpuid(entries, 1, 9), plain);
    assert.equal(findCpuid(entries, 4), first);
    assert.equal(findCpuid(entries, 4, 1), second);
    assert.equal(findCpuid(entries, 4, 2), undefined);
    assert.equal(findCpuid([leaf({ function: 0x8000_0001 })], 0x8000_0001)?.function, 0x8000_0001);
  });

  it('sets, clears and reads a feature bit and leaves the others alone', () => {
    fc.assert(
      fc.property(u32, fc.integer({ min: 0, max: 31 }), fc.constantFrom('eax', 'ebx', 'ecx', 'edx'), (value, bit, register) => {
        const entries = [leaf({ function: KVM_CPUID_FEATURES, [register]: value })];
        const others = (value & ~(1 << bit)) >>> 0;
        setCpuidBit(entries, KVM_CPUID_FEATURES, register, bit);
        assert.ok(hasCpuidBit(entries, KVM_CPUID_FEATURES, register, bit));
        assert.equal(entries[0][register], (others | (1 << bit)) >>> 0);
        setCpuidBit(entries, KVM_CPUID_FEATURES, register, bit, false);
        assert.ok(!hasCpuidBit(entries, KVM_CPUID_FEATURES, register, bit));
        assert.equal(entries[0][register], others);
      }),
    );
  });

  it('adds an absent leaf for a bit to be set, and none for a bit to be cleared', () => {
    const entries: CpuidEntry[] = [];
    setCpuidBit(entries, KVM_CPUID_FEATURES, 'eax', KVM_FEATURE_ASYNC_PF_INT, false);
    assert.equal(entries.length, 0);
    assert.ok(!hasCpuidBit(entries, KVM_CPUID_FEATURES, 'eax', KVM_FEATURE_ASYNC_PF_INT));
    setCpuidBit(entries, KVM_CPUID_FEATURES, 'eax', KVM_FEATURE_ASYNC_PF_INT);
    assert.deepEqual(entries, [leaf({ function: KVM_CPUID_FEATURES, eax: 1 << 14 })]);
  });

  it('reads signatures without their padding', () => {
    assert.equal(cpuidSignature(leaf({ function: KVM_CPUID_SIGNATURE, ebx: 0x4b4d564b, ecx: 0x564b4d56, edx: 0x4d })), 'KVMKVMKVM');
    assert.equal(cpuidSignature(leaf({ ebx: 0x756e6547, edx: 0x49656e69, ecx: 0x6c65746e }), ['ebx', 'edx', 'ecx']), 'GenuineIntel');
  });
});

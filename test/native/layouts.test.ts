import assert from 'node:assert/strict';
import { nativeAddon } from '../../lib/native/index.js';

const { layouts, ioctls } = nativeAddon();

/** The structure that each request carries, where it carries one by its size. */
const ARGUMENT: Readonly<Partial<Record<string, string>>> = {
  KVM_GET_MSR_INDEX_LIST: 'kvm_msr_list',
  KVM_GET_SUPPORTED_CPUID: 'kvm_cpuid2',
  KVM_SET_USER_MEMORY_REGION: 'kvm_userspace_memory_region',
  KVM_SET_USER_MEMORY_REGION2: 'kvm_userspace_memory_region2',
  KVM_SET_GSI_ROUTING: 'kvm_irq_routing',
  KVM_IRQFD: 'kvm_irqfd',
  KVM_ENABLE_CAP: 'kvm_enable_cap',
  KVM_SIGNAL_MSI: 'kvm_msi',
  KVM_X86_SET_MSR_FILTER: 'kvm_msr_filter',
  KVM_SET_MEMORY_ATTRIBUTES: 'kvm_memory_attributes',
  KVM_CREATE_GUEST_MEMFD: 'kvm_create_guest_memfd',
  KVM_ASYNC_PF: 'kvm_async_pf_req',
  KVM_ASYNC_PF_USER_READY: 'kvm_async_pf_user_ready',
  KVM_USERFAULT_READY: 'kvm_userfault_ready',
  KVM_GET_REGS: 'kvm_regs',
  KVM_SET_REGS: 'kvm_regs',
  KVM_GET_SREGS: 'kvm_sregs',
  KVM_SET_SREGS: 'kvm_sregs',
  KVM_TRANSLATE: 'kvm_translation',
  KVM_SET_DEVICE_ATTR: 'kvm_device_attr',
  KVM_GET_DEVICE_ATTR: 'kvm_device_attr',
  KVM_INTERRUPT: 'kvm_interrupt',
  KVM_GET_MSRS: 'kvm_msrs',
  KVM_SET_MSRS: 'kvm_msrs',
  KVM_SET_CPUID2: 'kvm_cpuid2',
  KVM_GET_CPUID2: 'kvm_cpuid2',
  KVM_GET_MP_STATE: 'kvm_mp_state',
  KVM_SET_MP_STATE: 'kvm_mp_state',
  KVM_X86_SET_MCE: 'kvm_x86_mce',
  KVM_GET_VCPU_EVENTS: 'kvm_vcpu_events',
  KVM_SET_VCPU_EVENTS: 'kvm_vcpu_events',
  UFFDIO_API: 'uffdio_api',
  UFFDIO_REGISTER: 'uffdio_register',
  UFFDIO_UNREGISTER: 'uffdio_range',
  UFFDIO_WAKE: 'uffdio_range',
  UFFDIO_COPY: 'uffdio_copy',
  UFFDIO_ZEROPAGE: 'uffdio_zeropage',
  UFFDIO_WRITEPROTECT: 'uffdio_writeprotect',
  UFFDIO_CONTINUE: 'uffdio_continue',
  UFFDIO_POISON: 'uffdio_poison',
};
/** Requests with a bare 64-bit argument. */
const BARE = new Set(['KVM_SET_IDENTITY_MAP_ADDR', 'KVM_X86_SETUP_MCE']);

describe('native layouts', () => {
  it('every request carries the size of its structure, or 8, or none', () => {
    for (const [name, request] of Object.entries(ioctls)) {
      const sizeBytes = (request >>> 16) & 0x3fff;
      const structure = ARGUMENT[name];
      const expected = structure !== undefined ? layouts[structure].size : BARE.has(name) ? 8 : 0;
      assert.equal(sizeBytes, expected, name);
    }
    for (const name of Object.keys(ARGUMENT)) assert.ok(name in ioctls, name);
  });

  it('no field leaves its structure, and fields that are not of a union or nested do not overlap', () => {
    for (const [name, { size, fields }] of Object.entries(layouts)) {
      let end = 0;
      const flat = Object.entries(fields).filter(([field]) => !field.includes('.'));
      for (const [field, place] of Object.entries(fields)) assert.ok(place.size > 0 && place.offset + place.size <= size, `${name}.${field}`);
      for (const [field, place] of flat.sort(([, a], [, b]) => a.offset - b.offset)) {
        assert.ok(place.offset >= end, `${name}.${field} overlaps`);
        end = place.offset + place.size;
      }
    }
  });

  it('a field of a nested structure lies within it', () => {
    for (const [name, { fields }] of Object.entries(layouts)) {
      for (const [field, place] of Object.entries(fields)) {
        const outer = field.includes('.') ? fields[field.slice(0, field.lastIndexOf('.'))] : undefined;
        if (outer === undefined) continue;
        assert.ok(place.offset >= outer.offset && place.offset + place.size <= outer.offset + outer.size, `${name}.${field}`);
      }
    }
  });

  it('the places that the proposals and the documentation give in numbers', () => {
    assert.deepEqual(layouts['kvm_userspace_memory_region2'].fields['userfault_bitmap'], { offset: 48, size: 8 });
    assert.equal(layouts['kvm_userspace_memory_region2'].size, 160);
    assert.deepEqual(layouts['kvm_run'].fields['memory_fault.gpa'], { offset: 40, size: 8 });
    assert.equal(ioctls['KVM_SET_USER_MEMORY_REGION2'], 0x40a0ae49);
    assert.equal(layouts['uffd_msg'].size, 32);
  });
});

/** The proposals' structures, requests and constants in C, in our own words; the kernel headers of no distribution have them. */

/** Declarations that every profile's C may use. */
export const C_PRELUDE = `#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
typedef uint32_t u32; typedef uint64_t u64; typedef int32_t s32;
#define BIT(n) (1ULL << (n))
`;

/** A profile in C: what declares it, the C type of each layout, and an expression for each request and constant. */
export interface ProfileInC {
  readonly declarations: string;
  /** C type by the layout's name. */
  readonly types: Readonly<Record<string, string>>;
  /** By name. */
  readonly expressions: Readonly<Record<string, string>>;
}

const REGION2 = `struct region2 {
  u32 slot, flags;
  u64 guest_phys_addr, memory_size, userspace_addr;
  u64 guest_memfd_offset;
  u32 guest_memfd, pad1;
  u64 userfault_bitmap;
  u64 pad2[13];
};`;

const USERFAULT = { KVM_MEM_USERFAULT: 'BIT(3)', KVM_MEMORY_EXIT_FLAG_USERFAULT: 'BIT(4)' };

/** By the profile's name. */
export const PROFILES_IN_C: Readonly<Record<string, ProfileInC>> = {
  stock: { declarations: '', types: {}, expressions: {} },
  userfault: { declarations: REGION2, types: { kvm_userspace_memory_region2: 'struct region2' }, expressions: USERFAULT },
  'async-pf-user-2024': {
    declarations: `struct run {
  uint8_t request_interrupt_window, immediate_exit, padding1[6];
  u32 exit_reason;
  uint8_t ready_for_interrupt_injection, if_flag;
  uint16_t flags;
  u64 cr8, apic_base;
  union {
    struct { u64 flags, gpa, size; u32 async_pf_user_token; } memory_fault;
    char padding[252];
  };
  u64 kvm_valid_regs, kvm_dirty_regs;
  union { char padding[2048]; u64 aligned; } s;
};
struct ready { u32 token; };`,
    types: { kvm_run: 'struct run', kvm_async_pf_user_ready: 'struct ready' },
    expressions: {
      KVM_ASYNC_PF_USER_READY: "_IOW(0xae, 0xd6, struct ready)",
      KVM_MEMORY_EXIT_FLAG_USERFAULT: 'BIT(4)',
      KVM_MEMORY_EXIT_FLAG_ASYNC_PF_USER: 'BIT(5)',
      ASYNC_PF_USER_PER_VCPU: '64',
    },
  },
  'async-pf-userfault-2026': {
    declarations: `${REGION2}
struct request { u64 gpa; u32 op, flags; u64 reserved[2]; };
struct eventfds { s32 fd, complete_fd; u32 flags, padding; u64 reserved[2]; };
struct entry { u64 gpa, flags; };
struct page {
  struct { u32 version, ring_size, entry_size, flags; u64 reserved[6]; } header;
  struct { u32 head; char line0[60]; u32 tail; char line1[60]; struct entry entries[64]; } notify, complete;
};`,
    types: { kvm_userspace_memory_region2: 'struct region2', kvm_async_pf_req: 'struct request', kvm_apf_eventfd: 'struct eventfds', kvm_apf_shared_page: 'struct page' },
    expressions: {
      ...USERFAULT,
      KVM_ASYNC_PF: '_IOW(0xae, 0xd6, struct request)',
      KVM_SET_APF_EVENTFD: '_IOW(0xae, 0xd9, struct eventfds)',
      KVM_MEMORY_EXIT_FLAG_APF: 'BIT(5)',
      KVM_APF_OP_ACCEPT: '1',
      KVM_APF_OP_READY: '2',
      KVM_APF_PAGE_OFFSET: '3',
      KVM_APF_SHARED_VERSION: '1',
      KVM_APF_RING_SIZE: 'sizeof(((struct page *)0)->notify.entries) / sizeof(struct entry)',
      KVM_APF_ENTRY_SIZE: 'sizeof(struct entry)',
      KVM_APF_SHARED_FLAG_NOTIFY_ARMED: 'BIT(0)',
    },
  },
  'sync-async-2bit': {
    declarations: `${REGION2}
struct userfault_ready { u64 gpa, flags; };`,
    types: { kvm_userspace_memory_region2: 'struct region2', kvm_userfault_ready: 'struct userfault_ready' },
    expressions: {
      ...USERFAULT,
      KVM_USERFAULT_READY: '_IOW(0xae, 0xda, struct userfault_ready)',
      KVM_MEM_USERFAULT_ASYNC: 'BIT(4)',
      KVM_MEMORY_EXIT_FLAG_USERFAULT_ASYNC: 'BIT(5)',
    },
  },
};

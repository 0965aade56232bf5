/** Structures and requests of the two-bit proposal. Completion is that of the 2026 design, with READY as its only operation. */
import { structLayout } from '../../layout.js';
import { asyncPfUserfaultIoctls } from '../async-pf-userfault-2026/layouts.js';
import { kvmUserspaceMemoryRegion2UserfaultLayout } from '../userfault/layouts.js';

const { fields, name, size } = kvmUserspaceMemoryRegion2UserfaultLayout;
const userfault = Object.fromEntries(Object.entries(fields).map(([field, { offset, size: bytes }]) => [field, [offset, bytes] as const]));

/** struct kvm_userspace_memory_region2 with two bitmaps: a second padding word becomes the second address. */
export const kvmUserspaceMemoryRegion2TwoBitLayout = structLayout(name, size, { ...userfault, userfault_async_bitmap: [56, 8] });

/** Requests on the vCPU's file. */
export const syncAsyncTwoBitIoctls = { KVM_ASYNC_PF: asyncPfUserfaultIoctls.KVM_ASYNC_PF } as const;

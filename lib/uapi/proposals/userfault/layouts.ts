/** struct kvm_userspace_memory_region2 as KVM Userfault extends it: its size stays, one padding word becomes the bitmap's address. */
import { structLayout } from '../../layout.js';
import { kvmUserspaceMemoryRegion2Layout } from '../../memory-region.js';

const { fields, name, size } = kvmUserspaceMemoryRegion2Layout;
const stock = Object.fromEntries(Object.entries(fields).map(([field, { offset, size: bytes }]) => [field, [offset, bytes] as const]));

/** See the module's comment. */
export const kvmUserspaceMemoryRegion2UserfaultLayout = structLayout(name, size, { ...stock, userfault_bitmap: [48, 8] });

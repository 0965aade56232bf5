/** Every probe there is, in the order in which facts are shown. */
import { capabilities } from './experiments/capabilities.js';
import { events } from './experiments/events.js';
import { failingPages } from './experiments/failing-page.js';
import { hostMemory } from './experiments/host-memory.js';
import { interrupts } from './experiments/interrupts.js';
import { kernelInstructions } from './experiments/kernel-instructions.js';
import { latePage } from './experiments/late-page.js';
import { memorySlots } from './experiments/memory-slots.js';
import { paging } from './experiments/paging.js';
import { userInstructions } from './experiments/user-instructions.js';
import { vcpuSetup } from './experiments/vcpu-setup.js';
import type { ProbeGroup } from './probe.js';

/** See the module's comment. Ids are unique over all groups. */
export const catalogue: readonly ProbeGroup[] = [
  paging,
  userInstructions,
  kernelInstructions,
  ...failingPages,
  latePage,
  memorySlots,
  events,
  interrupts,
  vcpuSetup,
  capabilities,
  hostMemory,
];

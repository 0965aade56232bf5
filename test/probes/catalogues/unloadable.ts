/** A catalogue that the collector can load and the process for its probes cannot. */
import type { ProbeGroup } from '../../../lib/probes/index.js';

if (process.send !== undefined) throw new Error('not in this process');

export const catalogue: readonly ProbeGroup[] = [
  {
    id: 'none',
    title: 'None',
    probes: ['a', 'b'].map((id) => ({ id, title: id, find: () => ({ answer: id }) })),
  },
];

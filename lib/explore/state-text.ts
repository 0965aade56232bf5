/** A world's state in a few characters, for traces. */
import { ItemState } from '../uapi/proposals/index.js';
import type { World } from './world.js';
import { P } from './world-layout.js';

/** What the characters of {@link stateText} mean; rendered traces begin with it. */
export const STATE_LEGEND = [
  'gN: gfn N: i intercepted (two bits: S, A, B both), d data there, m mapped',
  'qN: faults of vCPU N by gfn: P pending, A accepted, C completed;',
  '    * for wake-all, h: synthetic halt',
] as const;

const BITS = ['-', 'S', 'A', 'B'] as const;

/** Interception, data and mapping of each gfn; the faults outstanding on each vCPU. */
export function stateText(world: World): string {
  const { words, layout, model } = world;
  const pages = Array.from({ length: layout.pages }, (_, page) => {
    const at = layout.page(page);
    const bits = words[at + P.BITS];
    const intercepted = world.traits.twoBits ? BITS[bits & 3] : bits === 0 ? '-' : 'i';
    return `g${page}:${intercepted}${words[at + P.DATA] === 0 ? '-' : 'd'}${model.slot.isMapped(page) ? 'm' : '-'}`;
  });
  const queues = model.queues.map((queue, vcpu) => {
    let items = '';
    for (let slot = 0; slot < queue.slotCount; slot++) {
      const state = queue.state(slot);
      if (state === ItemState.FREE) continue;
      items += `${state === ItemState.PENDING ? 'P' : state === ItemState.ACCEPTED ? 'A' : 'C'}${queue.page(slot) < 0 ? '*' : queue.page(slot)}`;
    }
    return `q${vcpu}:${items}${queue.halted ? 'h' : ''}`;
  });
  return [...pages, ...queues].join(' ');
}

/** What happens to a VM from outside: it is saved and restored, user space takes a page away or changes its class. */
import type { ActionList, Agent } from './agent.js';
import type { World } from './world.js';
import { Race } from './world-config.js';
import { ASKED_QUIETLY, E, P, Place, R, V } from './world-layout.js';

const Do = { RESTORE: 0, DISCARD: 1, RECLASSIFY: 2, RECLASSIFY_END: 3 } as const;
const SYNC = 1;
const ASYNC = 2;

/** See the module's comment. */
export class EnvironmentAgent implements Agent {
  constructor(private readonly world: World) {}

  /** {@inheritDoc Agent.offer} */
  offer(list: ActionList): void {
    const { world } = this;
    const { words, layout } = world;
    const { environment: env } = layout;
    if (words[env + E.RESTORES] > 0 && this.canStop()) list.may(Do.RESTORE, 0);
    for (let page = 0; page < layout.pages; page++) {
      if (words[env + E.DISCARDS] > 0 && world.isAvailable(page) && !world.hasItem(-1, page) && this.isLeftAlone(page, true)) list.may(Do.DISCARD, page);
      if (words[env + E.RECLASSIFY] > 0 && words[env + E.CHANGING] < 0 && this.canReclassify(page)) list.may(Do.RECLASSIFY, page);
    }
    if (words[env + E.CHANGING] >= 0) list.must(Do.RECLASSIFY_END, words[env + E.CHANGING]);
  }

  /** {@inheritDoc Agent.perform} */
  perform(kind: number, page: number): void {
    switch (kind) {
      case Do.RESTORE:
        { this.restore(); return; }
      case Do.DISCARD:
        { this.discard(page); return; }
      default:
        { this.reclassify(page, kind === Do.RECLASSIFY); return; }
    }
  }

  /** vCPUs are stopped by a signal: none is in the middle of a fault. */
  private canStop(): boolean {
    const { words, layout, vcpus } = this.world;
    for (let vcpu = 0; vcpu < vcpus; vcpu++) {
      const place = words[layout.vcpu(vcpu) + V.PLACE];
      if (place === Place.CHECKING || place === Place.CHECKED || place === Place.BROKEN) return false;
    }
    return true;
  }

  private restore(): void {
    const { world } = this;
    const { words, layout } = world;
    if (world.model.queues.some((queue) => queue.outstanding > 0)) world.races |= Race.RESTORE_IN_FLIGHT;
    words[layout.environment + E.RESTORES]--;
    for (let vcpu = 0; vcpu < world.vcpus; vcpu++) {
      const at = layout.vcpu(vcpu);
      words[at + V.PLACE] = Place.USER;
      words.fill(0, at + V.PAGE, at + V.STEP + 1);
    }
    world.forgetUserSpace();
    world.setUpKvm();
    if (world.has('msr-not-restored')) for (let vcpu = 0; vcpu < world.vcpus; vcpu++) world.writeEnable(vcpu, false);
    if (world.record !== null) world.say('VMM', `saves the VM and restores it${world.has('msr-not-restored') ? ' without the enable MSR' : ', MSRs last: wake-all is due'}`);
  }

  private discard(page: number): void {
    const { world } = this;
    const { words, layout } = world;
    const at = layout.page(page);
    words[layout.environment + E.DISCARDS]--;
    words[at + P.BITS] = world.firstBits(page);
    words[at + P.DATA] = 0;
    world.model.slot.unmap(page);
    // A vCPU that sleeps in KVM for the page tries again when it wakes, and asks anew.
    for (let vcpu = 0; vcpu < world.vcpus; vcpu++) {
      const vcpuAt = layout.vcpu(vcpu);
      if (words[vcpuAt + V.PLACE] === Place.WAITING && words[vcpuAt + V.PAGE] === page) words[layout.request(vcpu, page)] = ASKED_QUIETLY;
    }
    if (world.record !== null) world.say('VMM', `intercepts gfn ${page} again and takes its memory away`);
  }

  private canReclassify(page: number): boolean {
    const { words, layout, config } = this.world;
    return words[layout.page(page) + P.BITS] === (config.reclassifyTo === 'to-async' ? SYNC : ASYNC) && this.isLeftAlone(page, false);
  }

  /** Nobody resolves the page. `butForReady`: or has cleared its bits, and will say READY. */
  private isLeftAlone(page: number, butForReady: boolean): boolean {
    const { words, layout, vcpus, steps } = this.world;
    const isOver = (step: number): boolean => butForReady && steps[step] === 'ready' && step === steps.length - 1;
    for (let resolver = 0; resolver < layout.resolvers; resolver++) {
      const at = layout.resolver(resolver);
      if (words[at + R.STEP] >= 0 && words[at + R.PAGE] === page && !isOver(words[at + R.STEP])) return false;
    }
    for (let vcpu = 0; vcpu < vcpus; vcpu++) {
      const at = layout.vcpu(vcpu);
      if (words[at + V.PLACE] === Place.INLINE && words[at + V.PAGE] === page && !isOver(words[at + V.STEP])) return false;
    }
    return true;
  }

  /** Sets the bit of the new class, then clears the other: two steps, as the bits are in two bitmaps. */
  private reclassify(page: number, first: boolean): void {
    const { world } = this;
    const { words, layout } = world;
    const at = layout.page(page);
    const { environment: env } = layout;
    const toAsync = world.config.reclassifyTo === 'to-async';
    if (first) words[env + E.RECLASSIFY]--;
    words[env + E.CHANGING] = first ? page : -1;
    if (first) words[at + P.BITS] |= toAsync ? ASYNC : SYNC;
    else words[at + P.BITS] &= ~(toAsync ? SYNC : ASYNC);
    if (world.record === null) return;
    const [gained, lost] = toAsync ? ['A', 'S'] : ['S', 'A'];
    world.say('VMM', first ? `sets ${gained} of gfn ${page}, to change its class` : `clears ${lost} of gfn ${page}`);
  }
}

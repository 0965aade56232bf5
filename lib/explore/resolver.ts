/** Threads that make pages available: what is asked for, and, for one of them, whatever it likes (a prefetcher). */
import { gpaOf, ItemState, SharedPageHandlerEnd } from '../uapi/proposals/index.js';
import type { ActionList, Agent } from './agent.js';
import type { ResolverStep } from './profile-traits.js';
import type { World } from './world.js';
import { Race } from './world-config.js';
import { ASKED_QUIETLY, E, P, Place, R, V } from './world-layout.js';
import { hasRoomForCompletion, overrunCompletions } from './ring-words.js';

const Do = { TAKE: 0, STEP: 1, PREFETCH: 2 } as const;

/** See the module's comment. The prefetcher is the last resolver. */
export class ResolverAgent implements Agent {
  private readonly prefetcher: number;

  constructor(private readonly world: World) {
    this.prefetcher = world.config.prefetcher === true ? world.layout.resolvers - 1 : -1;
  }

  /** {@inheritDoc Agent.offer} */
  offer(list: ActionList): void {
    const { world } = this;
    const { words, layout } = world;
    let idle = -1;
    for (let resolver = 0; resolver < layout.resolvers; resolver++) {
      const at = layout.resolver(resolver);
      if (words[at + R.STEP] >= 0) {
        if (this.canStep(at)) list.must(Do.STEP, resolver);
      } else if (resolver === this.prefetcher) {
        this.offerPrefetch(list, resolver);
      } else if (idle < 0) {
        idle = resolver;
      }
    }
    if (idle < 0) return;
    // Idle resolvers are alike: the first one takes what there is.
    for (let vcpu = 0; vcpu < world.vcpus; vcpu++) {
      for (let page = 0; page < layout.pages; page++) if (words[layout.request(vcpu, page)] !== 0 && !this.isChanging(page)) list.must(Do.TAKE, vcpu, page);
    }
  }

  /** {@inheritDoc Agent.perform} */
  perform(kind: number, a: number, b: number): void {
    const { world } = this;
    const { words, layout } = world;
    if (kind === Do.STEP) { this.step(a); return; }
    if (kind === Do.PREFETCH) { this.start(a, -1, b, ASKED_QUIETLY); return; }
    for (let resolver = 0; resolver < layout.resolvers; resolver++) {
      if (resolver === this.prefetcher || words[layout.resolver(resolver) + R.STEP] >= 0) continue;
      const token = words[layout.request(a, b)];
      words[layout.request(a, b)] = 0;
      this.start(resolver, a, b, token); return;
    }
  }

  private offerPrefetch(list: ActionList, resolver: number): void {
    const { layout } = this.world;
    for (let page = 0; page < layout.pages; page++) if (!this.world.isAvailable(page) && !this.isChanging(page)) list.may(Do.PREFETCH, resolver, page);
  }

  private isChanging(page: number): boolean {
    return this.world.words[this.world.layout.environment + E.CHANGING] === page;
  }

  /** A completion waits until its ring has room. */
  private canStep(at: number): boolean {
    const { world } = this;
    const { words } = world;
    if (world.steps[words[at + R.STEP]] !== 'ready' || !completesByRing(world)) return true;
    return world.has('head-overrun') || hasRoomForCompletion(world.sharedPages[words[at + R.VCPU]], world.model.shape.ringEntries);
  }

  private start(resolver: number, vcpu: number, page: number, token: number): void {
    const at = this.world.layout.resolver(resolver);
    const { words } = this.world;
    words[at + R.STEP] = 0;
    words[at + R.VCPU] = vcpu;
    words[at + R.PAGE] = page;
    words[at + R.TOKEN] = token;
    this.step(resolver);
  }

  private step(resolver: number): void {
    const { world } = this;
    const { words } = world;
    const at = world.layout.resolver(resolver);
    const quiet = words[at + R.TOKEN] === ASKED_QUIETLY;
    const who = resolver === this.prefetcher ? 'prefetch' : `resolver${world.layout.resolvers > 2 ? ` ${resolver}` : ''}`;
    const step = world.steps[words[at + R.STEP]];
    if (!(quiet && step === 'ready')) runResolverStep(world, step, who, words[at + R.VCPU], words[at + R.PAGE], words[at + R.TOKEN]);
    words[at + R.STEP]++;
    while (words[at + R.STEP] < world.steps.length && quiet && world.steps[words[at + R.STEP]] === 'ready') words[at + R.STEP]++;
    if (words[at + R.STEP] < world.steps.length) return;
    words.fill(0, at, at + R.TOKEN + 1);
    words[at + R.STEP] = -1;
  }
}

/** One step of making a page available, whoever does it. */
export function runResolverStep(world: World, step: ResolverStep, who: string, vcpu: number, page: number, token: number): void {
  const { words, layout } = world;
  const at = layout.page(page);
  switch (step) {
    case 'data':
      if (world.record === null) words[at + P.DATA] = 1;
      else {
        const was = words[at + P.DATA];
        words[at + P.DATA] = 1;
        world.say(who, was === 0 ? `writes the data of gfn ${page}` : `finds the data of gfn ${page} there`);
      }
      return;
    case 'clear':
      words[at + P.BITS] = 0;
      if (world.record !== null) world.say(who, `clears the bit of gfn ${page}`);
      return;
    case 'clear-async':
      words[at + P.BITS] &= ~2;
      if (world.record !== null) world.say(who, `clears A of gfn ${page}`);
      return;
    case 'clear-sync':
      words[at + P.BITS] &= ~1;
      if (world.record !== null) world.say(who, `clears S of gfn ${page}`);
      return;
    case 'install':
      words[at + P.DATA] = 1;
      words[at + P.BITS] = 0;
      if (world.record !== null) world.say(who, `installs gfn ${page} (UFFDIO_COPY)`);
      return;
    default:
      complete(world, who, vcpu, page, token);
  }
}

function complete(world: World, who: string, vcpu: number, page: number, token: number): void {
  if (world.model.completionKey === 'none') return;
  if (completesByRing(world)) {
    const shared = world.sharedPages[vcpu];
    if (world.has('head-overrun')) overrunCompletions(shared, world.model.shape.ringEntries);
    else handlerEnd(world, vcpu).complete(gpaOf(world.model.shape, page));
    if (!world.has('no-doorbell')) world.words[world.layout.vcpu(vcpu) + V.COMPLETE_FD] = 1;
    if (world.record !== null) world.say(who, `completes gfn ${page} in the ring of vCPU ${vcpu}${world.has('no-doorbell') ? '' : ', writes its eventfd'}`);
    return;
  }
  const queue = world.model.queues[vcpu];
  const slot = queue.find(page);
  const pending = slot >= 0 && queue.state(slot) === ItemState.PENDING;
  if (pending && world.words[world.layout.vcpu(vcpu) + V.PLACE] === Place.ASKED) world.races |= Race.READY_BEFORE_ACCEPT;
  if (world.traits.byWorker && (slot < 0 || (queue.token(slot) | 0) !== token)) {
    world.races |= Race.STALE_READY;
    if (world.record !== null) world.say('KVM', `its worker for gfn ${page} on vCPU ${vcpu} was cancelled`);
    return;
  }
  const errno = world.model.ready(vcpu, page, token);
  if (errno !== 0) world.races |= Race.STALE_READY;
  if (world.record === null) return;
  const name = world.model.completionKey === 'token' ? `token 0x${(token >>> 0).toString(16)}` : `gfn ${page}`;
  world.say(world.traits.byWorker ? 'KVM' : who, `READY ${name} on vCPU ${vcpu}: ${errno === 0 ? 'ok' : `errno ${errno}`}`);
}

/** True where completions go through the ring. */
export function completesByRing(world: World): boolean {
  return world.config.rings === true;
}

/** The handler's end of a vCPU's rings, as it is now: its indices are those in the shared page, which nobody else writes. */
export function handlerEnd(world: World, vcpu: number): SharedPageHandlerEnd {
  return new SharedPageHandlerEnd(world.sharedPages[vcpu], world.model.shape.ringEntries);
}

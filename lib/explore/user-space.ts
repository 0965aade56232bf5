/** The VMM's thread of each vCPU: what it does between an exit and the next KVM_RUN. */
import { ItemState, KVM_MEMORY_EXIT_FLAG_USERFAULT } from '../uapi/proposals/index.js';
import type { ActionList, Agent } from './agent.js';
import { dequeue, takeNotPresent } from './guest.js';
import type { ResolverStep } from './profile-traits.js';
import { runResolverStep } from './resolver.js';
import type { World } from './world.js';
import { Race, type AsyncExitChoice } from './world-config.js';
import { ASKED, Place, V } from './world-layout.js';

const Do = { ENTER: 0, HANDLE: 1, ACCEPT: 2, RESOLVE: 3 } as const;
const CHOICES: readonly AsyncExitChoice[] = ['async', 'sync', 'reenter'];

/** See the module's comment. */
export class UserSpaceAgent implements Agent {
  private readonly choices: readonly number[];

  constructor(private readonly world: World) {
    this.choices = (world.config.asyncExit ?? ['async']).map((choice) => CHOICES.indexOf(choice));
  }

  /** {@inheritDoc Agent.offer} */
  offer(list: ActionList): void {
    const { world } = this;
    const { words, layout } = world;
    for (let vcpu = 0; vcpu < world.vcpus; vcpu++) {
      const at = layout.vcpu(vcpu);
      switch (words[at + V.PLACE]) {
        case Place.USER:
          list.must(Do.ENTER, vcpu);
          break;
        case Place.EXITED:
          if (this.isAsync(at)) for (const choice of this.choices) list.must(Do.HANDLE, vcpu, choice);
          else list.must(Do.HANDLE, vcpu, CHOICES.indexOf('sync'));
          break;
        case Place.ASKED:
          list.must(Do.ACCEPT, vcpu);
          break;
        case Place.INLINE:
          list.must(Do.RESOLVE, vcpu);
          break;
        default:
      }
    }
  }

  /** {@inheritDoc Agent.perform} */
  perform(kind: number, vcpu: number, choice: number): void {
    const at = this.world.layout.vcpu(vcpu);
    switch (kind) {
      case Do.ENTER:
        { this.enter(vcpu, at); return; }
      case Do.HANDLE:
        { this.handle(vcpu, at, CHOICES[choice]); return; }
      case Do.ACCEPT:
        { this.accept(vcpu, at); return; }
      default:
        { this.resolve(vcpu, at); return; }
    }
  }

  private isAsync(at: number): boolean {
    return (this.world.words[at + V.SEEN] & ~KVM_MEMORY_EXIT_FLAG_USERFAULT) !== 0;
  }

  private enter(vcpu: number, at: number): void {
    const { world } = this;
    const queue = world.model.queues[vcpu];
    let pending = false;
    for (let slot = 0; slot < queue.slotCount; slot++) pending ||= queue.state(slot) === ItemState.PENDING;
    if (pending) world.races |= Race.REENTRY_WITHOUT_ACCEPT;
    world.model.enter(vcpu);
    world.words[at + V.PLACE] = Place.GUEST;
    if (world.record !== null) world.say(`VMM ${vcpu}`, `KVM_RUN${pending ? ': what was not accepted counts as completed' : ''}`);
    dequeue(world, vcpu);
    if (world.words[at + V.NOT_PRESENT] !== 0 && world.config.earlyReady !== true) takeNotPresent(world, vcpu);
  }

  private handle(vcpu: number, at: number, choice: AsyncExitChoice): void {
    const { world } = this;
    const { words, layout } = world;
    const page = words[at + V.PAGE];
    if (choice === 'sync') {
      words[at + V.STEP] = 0;
      words[at + V.PLACE] = Place.INLINE;
      this.resolve(vcpu, at); return;
    }
    const asks = !world.has('forgets-request') && !(world.has('first-vcpu-only') && isAskedFor(world, page));
    if (asks) words[layout.request(vcpu, page)] = words[at + V.TOKEN] === 0 ? ASKED : words[at + V.TOKEN];
    const accepts = choice === 'async' && world.model.needsAccept;
    words[at + V.PLACE] = accepts ? Place.ASKED : Place.USER;
    if (!accepts) this.forget(at);
    if (world.record !== null) world.say(`VMM ${vcpu}`, asks ? `asks the resolver for gfn ${page}` : `asks nobody for gfn ${page}`);
  }

  private accept(vcpu: number, at: number): void {
    const { world } = this;
    const page = world.words[at + V.PAGE];
    const errno = world.model.accept(vcpu, page);
    world.words[at + V.PLACE] = Place.USER;
    this.forget(at);
    if (world.record !== null) world.say(`VMM ${vcpu}`, `ACCEPT gfn ${page}: ${errno === 0 ? 'ok' : `errno ${errno}`}`);
  }

  /** Does one step of a resolution, as a resolver does, and is done after the last. */
  private resolve(vcpu: number, at: number): void {
    const { world } = this;
    const { words } = world;
    const page = words[at + V.PAGE];
    const step = world.steps[words[at + V.STEP]];
    if (!this.skips(step, at)) runResolverStep(world, step, `VMM ${vcpu}`, vcpu, page, words[at + V.TOKEN]);
    words[at + V.STEP]++;
    while (words[at + V.STEP] < world.steps.length && this.skips(world.steps[words[at + V.STEP]], at)) words[at + V.STEP]++;
    if (words[at + V.STEP] < world.steps.length) return;
    words[at + V.PLACE] = Place.USER;
    this.forget(at);
  }

  /** Nobody is told of a plain exit's page, nor of one that re-entry completes. */
  private skips(step: ResolverStep, at: number): boolean {
    return step === 'ready' && (!this.isAsync(at) || this.world.model.needsAccept);
  }

  private forget(at: number): void {
    const { words } = this.world;
    words.fill(0, at + V.PAGE, at + V.STEP + 1);
  }
}

function isAskedFor(world: World, page: number): boolean {
  for (let vcpu = 0; vcpu < world.vcpus; vcpu++) if (world.words[world.layout.request(vcpu, page)] !== 0 || world.hasItem(vcpu, page)) {
    if (world.words[world.layout.vcpu(vcpu) + V.PLACE] !== Place.EXITED) return true;
  }
  return false;
}

/** The exitless rings' other end: the handler of each vCPU, which takes faults and sleeps when there are none, and KVM's worker, which takes completions. */
import { AsyncPfUserfaultModel, pageOf } from '../uapi/proposals/index.js';
import type { ActionList, Agent } from './agent.js';
import { handlerEnd } from './resolver.js';
import { hasNotifications, setArmed } from './ring-words.js';
import type { World } from './world.js';
import { ASKED, Handler, V } from './world-layout.js';

const Do = { HANDLER: 0, DRAIN: 1 } as const;

/** See the module's comment. */
export class RingAgent implements Agent {
  constructor(private readonly world: World) {}

  /** {@inheritDoc Agent.offer} */
  offer(list: ActionList): void {
    const { world } = this;
    if (world.config.rings !== true) return;
    const { words, layout } = world;
    for (let vcpu = 0; vcpu < world.vcpus; vcpu++) {
      const at = layout.vcpu(vcpu);
      if (words[at + V.HANDLER] !== Handler.SLEEPS || words[at + V.NOTIFY_FD] !== 0) list.must(Do.HANDLER, vcpu);
      if (words[at + V.COMPLETE_FD] !== 0) list.must(Do.DRAIN, vcpu);
    }
  }

  /** {@inheritDoc Agent.perform} */
  perform(kind: number, vcpu: number): void {
    const { world } = this;
    const at = world.layout.vcpu(vcpu);
    if (kind === Do.HANDLER) { this.handle(vcpu, at); return; }
    const { model } = world;
    world.words[at + V.COMPLETE_FD] = 0;
    const completed = model instanceof AsyncPfUserfaultModel && model.drainCompletions(vcpu);
    if (world.record !== null) world.say('KVM', `drains the completion ring of vCPU ${vcpu}${completed ? '' : ': nothing in it counts'}`);
  }

  private handle(vcpu: number, at: number): void {
    const { world } = this;
    const { words } = world;
    const page = world.sharedPages[vcpu];
    const say = (what: string): void => world.say(`handler ${vcpu}`, what);
    switch (words[at + V.HANDLER]) {
      case Handler.SLEEPS:
        words[at + V.NOTIFY_FD] = 0;
        words[at + V.HANDLER] = Handler.DRAINS;
        if (world.record !== null) say('wakes up: its eventfd was signalled');
        return;
      case Handler.DRAINS:
        { this.drain(vcpu, at); return; }
      case Handler.SAW_EMPTY:
        setArmed(page, true);
        words[at + V.HANDLER] = world.has('no-second-look') || world.has('arm-without-fence') ? Handler.SLEEPS : Handler.ARMED;
        if (world.record !== null) say(words[at + V.HANDLER] === Handler.ARMED ? 'sets ARMED' : 'sets ARMED, sleeps');
        return;
      default:
        if (hasNotifications(page)) {
          setArmed(page, false);
          words[at + V.HANDLER] = Handler.DRAINS;
          if (world.record !== null) say('looks again: a fault is there; clears ARMED');
          return;
        }
        words[at + V.HANDLER] = Handler.SLEEPS;
        if (world.record !== null) say('looks again: ring empty; sleeps');
    }
  }

  private drain(vcpu: number, at: number): void {
    const { world } = this;
    const { words, layout } = world;
    const end = handlerEnd(world, vcpu);
    if (!end.take()) {
      words[at + V.HANDLER] = Handler.SAW_EMPTY;
      if (world.record !== null) world.say(`handler ${vcpu}`, 'finds the notification ring empty');
      return;
    }
    const page = pageOf(world.model.shape, end.gpa);
    if (!world.has('forgets-request')) words[layout.request(vcpu, page)] = ASKED;
    if (world.record !== null) world.say(`handler ${vcpu}`, `takes gfn ${page} from the notification ring`);
  }
}

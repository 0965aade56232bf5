/** A vCPU while it is in KVM_RUN: the guest's tasks, its ends of the events, and KVM's path of a fault. */
import { FaultAction, KVM_MEMORY_EXIT_FLAG_USERFAULT } from '../uapi/proposals/index.js';
import { APF_WAKE_ALL_TOKEN, KVM_ASYNC_PF_ACK_READY, type FaultContext } from '../uapi/index.js';
import { MSR_KVM_ASYNC_PF_ACK } from '../uapi/index.js';
import type { ActionList, Agent } from './agent.js';
import type { World } from './world.js';
import { Race } from './world-config.js';
import { ASKED_QUIETLY, DUMMIES, E, P, Place, T, Task, V } from './world-layout.js';

const Do = { TOUCH: 0, ACT: 1, SECOND_BIT: 2, NOT_PRESENT: 3, IRQ: 4, DEQUEUE: 5, TIMER: 6, MSR_OFF: 7, MSR_ON: 8, RESET: 9, HOST_WAKES: 10 } as const;

const WAKE_ALL = APF_WAKE_ALL_TOKEN | 0;
const anyArea = (): boolean => true;

/** See the module's comment. */
export class GuestAgent implements Agent {
  private readonly context: FaultContext = { cpl: 3, interruptsEnabled: true, eventPending: false };

  constructor(private readonly world: World) {}

  /** {@inheritDoc Agent.offer} */
  offer(list: ActionList): void {
    const { world } = this;
    const { words, layout, model } = world;
    for (let vcpu = 0; vcpu < world.vcpus; vcpu++) {
      const at = layout.vcpu(vcpu);
      switch (words[at + V.PLACE]) {
        case Place.CHECKING:
          list.must(Do.SECOND_BIT, vcpu);
          break;
        case Place.CHECKED:
          list.must(Do.ACT, vcpu);
          break;
        case Place.WAITING:
          if (world.isAvailable(words[at + V.PAGE])) list.must(Do.HOST_WAKES, vcpu);
          break;
        case Place.GUEST:
          this.offerGuest(list, vcpu, at, model.queues[vcpu].halted);
          break;
        default:
      }
    }
  }

  /** {@inheritDoc Agent.perform} */
  perform(kind: number, vcpu: number): void {
    const { world } = this;
    const at = world.layout.vcpu(vcpu);
    switch (kind) {
      case Do.TOUCH:
        { this.touch(vcpu, at); return; }
      case Do.SECOND_BIT:
        { this.readSecondBit(vcpu, at); return; }
      case Do.ACT:
        { this.act(vcpu, at); return; }
      case Do.NOT_PRESENT:
        { takeNotPresent(world, vcpu); return; }
      case Do.IRQ:
        { this.takeInterrupt(vcpu, at); return; }
      case Do.DEQUEUE:
        dequeue(world, vcpu);
        return;
      case Do.TIMER:
        world.model.queues[vcpu].wake();
        if (world.record !== null) world.say(`vCPU ${vcpu}`, 'a timer interrupt ends the synthetic halt');
        return;
      case Do.MSR_OFF:
      case Do.MSR_ON:
        { this.writeMsr(vcpu, at, kind === Do.MSR_ON); return; }
      case Do.RESET:
        { this.reset(vcpu, at); return; }
      default:
        world.model.slot.map(world.words[at + V.PAGE]);
        world.words[at + V.PLACE] = Place.GUEST;
        { this.access(vcpu, at, 'KVM has got the page'); return; }
    }
  }

  private offerGuest(list: ActionList, vcpu: number, at: number, halted: boolean): void {
    const { world } = this;
    const { words, layout, config } = world;
    const notPresent = words[at + V.NOT_PRESENT] !== 0;
    const irq = words[at + V.IRQ] !== 0;
    const queue = world.model.queues[vcpu];
    if (notPresent) list.must(Do.NOT_PRESENT, vcpu);
    if (irq && (!notPresent || config.earlyReady === true)) list.must(Do.IRQ, vcpu);
    if (queue.hasCompleted && (words[at + V.TOKEN_WORD] === 0 || !queue.enabled)) list.must(Do.DEQUEUE, vcpu);
    const { environment } = layout;
    if (words[environment + E.RESETS] > 0) list.may(Do.RESET, vcpu);
    // An interrupt that is pending is taken before the next instruction.
    if (notPresent || irq) return;
    if (halted) {
      if (config.timer === true) list.may(Do.TIMER, vcpu);
      return;
    }
    if (words[at + V.CURRENT] >= 0) list.must(Do.TOUCH, vcpu);
    if (words[at + V.PV_ON] === 0) {
      if (config.guestAsync !== false) list.must(Do.MSR_ON, vcpu);
    } else if (words[environment + E.MSR_OFF] > 0) {
      list.may(Do.MSR_OFF, vcpu);
    }
  }

  private touch(vcpu: number, at: number): void {
    const { world } = this;
    const { words, layout, model, config } = world;
    const task = words[at + V.CURRENT];
    const taskAt = layout.task(vcpu, task);
    const page = world.wanted(vcpu, task);
    if (words[taskAt + T.STATE] !== Task.RUNNABLE || words[taskAt + T.TOKEN] !== 0) world.fail('waiting-task-runs', `task ${task} of vCPU ${vcpu} runs while it waits for gfn ${page}`);
    if (model.slot.isMapped(page)) { this.access(vcpu, at, `task ${task} accesses gfn ${page}`); return; }
    words[at + V.PAGE] = page;
    const bits = words[layout.page(page) + P.BITS];
    if (config.splitRead !== undefined) {
      words[at + V.SEEN] = bits & (config.splitRead === 'sync-first' ? 1 : 2);
      words[at + V.PLACE] = Place.CHECKING;
      if (world.record !== null) world.say(`vCPU ${vcpu}`, `task ${task} touches gfn ${page}; KVM reads ${config.splitRead === 'sync-first' ? 'S' : 'A'}: ${words[at + V.SEEN] === 0 ? 0 : 1}`);
      return;
    }
    words[at + V.SEEN] = bits;
    words[at + V.PLACE] = Place.CHECKED;
    if (bits === 0) { this.act(vcpu, at); return; }
    if (world.record !== null) world.say(`vCPU ${vcpu}`, `task ${task} touches gfn ${page}; KVM reads its bits: intercepted`);
  }

  private readSecondBit(vcpu: number, at: number): void {
    const { world } = this;
    const { words, layout, config } = world;
    const page = words[at + V.PAGE];
    const [bit, name] = config.splitRead === 'sync-first' ? [2, 'A'] : [1, 'S'];
    const value = words[layout.page(page) + P.BITS] & bit;
    if (words[at + V.SEEN] !== (words[layout.page(page) + P.BITS] & ~bit)) world.races |= Race.CLASS_CHANGED_IN_CHECK;
    words[at + V.SEEN] |= value;
    words[at + V.PLACE] = Place.CHECKED;
    if (words[at + V.SEEN] === 0) { this.act(vcpu, at); return; }
    if (world.record !== null) world.say(`vCPU ${vcpu}`, `KVM reads ${name} of gfn ${page}: ${value === 0 ? 0 : 1}`);
  }

  /** KVM acts on bits that it read before, whatever they are now. */
  private act(vcpu: number, at: number): void {
    const { world } = this;
    const { words, layout, model, config } = world;
    const task = words[at + V.CURRENT];
    const page = words[at + V.PAGE];
    const bits = words[at + V.SEEN];
    const { kind = 'user' } = config.vcpus[vcpu][task];
    this.context.cpl = kind === 'user' ? 3 : 0;
    this.context.interruptsEnabled = kind !== 'irqs-off';
    const queue = model.queues[vcpu];
    const before = queue.outstanding;
    if (bits !== 0 && words[layout.page(page) + P.BITS] === 0) world.races |= Race.CLEARED_AFTER_CHECK;
    if (bits !== 0 && before >= queue.capacity && queue.find(page) < 0) world.races |= Race.QUEUE_FULL;
    const action = model.fault(vcpu, page, bits, this.context);
    const { flags, token, injected, signalled } = model;
    if (bits !== 0 && model.queues.some((other, id) => id !== vcpu && other.find(page) >= 0)) world.races |= Race.SAME_GFN;
    words[at + V.SEEN] = 0;
    words[at + V.PLACE] = Place.GUEST;
    words[at + V.NOT_PRESENT] = injected | 0;
    if (signalled) words[at + V.NOTIFY_FD] = 1;
    if (injected !== 0 && world.isAvailable(page)) world.fail('spurious-pair', `KVM queues a not-present event on vCPU ${vcpu} for gfn ${page}, whose bit was cleared since it looked`);
    const told = injected === 0 ? '' : `; #PF not-present ${hex(injected)}`;
    switch (action) {
      case FaultAction.MAP:
        model.slot.map(page);
        { this.access(vcpu, at, bits === 0 ? `task ${task} touches gfn ${page}: not intercepted; KVM maps it, access` : `KVM maps gfn ${page}, access`); return; }
      case FaultAction.EXIT:
        words[at + V.PLACE] = Place.EXITED;
        words[at + V.SEEN] = flags;
        words[at + V.TOKEN] = token | 0;
        if (config.rings === true && (flags & ~KVM_MEMORY_EXIT_FLAG_USERFAULT) !== 0) world.races |= Race.RING_FULL;
        if (model.queues.length > 1 && bits !== 0) this.noteSameGfn(vcpu, page);
        if (world.record !== null) world.say(`vCPU ${vcpu}`, `exit for gfn ${page}, flags 0x${flags.toString(16)}${told}${queue.halted ? '; halts on re-entry' : ''}`);
        return;
      case FaultAction.CONTINUE:
      case FaultAction.HALT:
        if (world.traits.byWorker && queue.outstanding > before && !world.has('forgets-request')) words[layout.request(vcpu, page)] = queue.token(queue.find(page)) | 0;
        if (world.record !== null) world.say(`vCPU ${vcpu}`, `${action === FaultAction.HALT ? 'synthetic halt' : 'goes on'} for gfn ${page}${told}${signalled ? '; eventfd signalled' : ''}`);
        if (injected !== 0 && config.earlyReady !== true) takeNotPresent(world, vcpu);
        return;
      case FaultAction.BARE_EFAULT:
        words[at + V.PLACE] = Place.BROKEN;
        if (world.record !== null) world.say(`vCPU ${vcpu}`, `KVM_RUN fails with EFAULT for gfn ${page} and says no more`);
        return;
      default:
        words[at + V.PLACE] = Place.WAITING;
        words[layout.request(vcpu, page)] = ASKED_QUIETLY;
        if (world.record !== null) world.say(`vCPU ${vcpu}`, `sleeps in KVM until gfn ${page} is there`);
    }
  }

  /** Two exits of one page at the same time are a race too where there are no items. */
  private noteSameGfn(vcpu: number, page: number): void {
    const { words, layout, vcpus } = this.world;
    for (let other = 0; other < vcpus; other++) {
      const place = words[layout.vcpu(other) + V.PLACE];
      if (other !== vcpu && words[layout.vcpu(other) + V.PAGE] === page && place >= Place.CHECKED && place <= Place.INLINE) this.world.races |= Race.SAME_GFN;
    }
  }

  private access(vcpu: number, at: number, what: string): void {
    const { world } = this;
    const { words, layout } = world;
    const task = words[at + V.CURRENT];
    const page = world.wanted(vcpu, task);
    const taskAt = layout.task(vcpu, task);
    if (words[layout.page(page) + P.DATA] === 0) world.fail('mapped-without-data', `task ${task} of vCPU ${vcpu} reads gfn ${page}, whose data is not there`);
    words[taskAt + T.NEXT]++;
    words[at + V.PAGE] = 0;
    if (words[taskAt + T.NEXT] === world.config.vcpus[vcpu][task].pages.length) {
      words[taskAt + T.STATE] = Task.DONE;
      words[at + V.CURRENT] = world.firstRunnable(vcpu);
    }
    if (world.record !== null) world.say(`vCPU ${vcpu}`, `${what}${words[taskAt + T.STATE] === Task.DONE ? `; task ${task} is done` : ''}`);
  }

  private takeInterrupt(vcpu: number, at: number): void {
    const { world } = this;
    const { words } = world;
    const token = words[at + V.TOKEN_WORD];
    const woken = this.wake(vcpu, at, token);
    if (woken === '' && token !== WAKE_ALL) this.takeEarlyReady(vcpu, at, token);
    words[at + V.TOKEN_WORD] = 0;
    words[at + V.IRQ] = 0;
    world.model.writeMsr(vcpu, MSR_KVM_ASYNC_PF_ACK, KVM_ASYNC_PF_ACK_READY, 0, anyArea);
    if (world.record !== null) world.say(`guest ${vcpu}`, `ready interrupt, token ${hex(token)}: ${woken === '' ? 'nobody waits' : `wakes${woken}`}; ACK`);
    // KVM looks at its queue before it enters the guest again.
    dequeue(world, vcpu);
  }

  /** Wakes the tasks of a token, or all of them; says which. */
  private wake(vcpu: number, at: number, token: number): string {
    const { world } = this;
    const { words, layout } = world;
    let woken = '';
    for (let task = 0; task < layout.tasks[vcpu]; task++) {
      const taskAt = layout.task(vcpu, task);
      if (words[taskAt + T.TOKEN] === 0 || (token !== WAKE_ALL && words[taskAt + T.TOKEN] !== token)) continue;
      if (words[taskAt + T.STATE] === Task.BLOCKED) words[taskAt + T.STATE] = Task.RUNNABLE;
      words[taskAt + T.TOKEN] = 0;
      woken += ` task ${task}`;
    }
    if (token === WAKE_ALL) words.fill(0, at + V.DUMMY, at + V.DUMMY + DUMMIES);
    if (words[at + V.CURRENT] < 0) words[at + V.CURRENT] = world.firstRunnable(vcpu);
    return woken;
  }

  private takeEarlyReady(vcpu: number, at: number, token: number): void {
    const { world } = this;
    if (world.words[at + V.NOT_PRESENT] !== token) { world.fail('double-completion', `vCPU ${vcpu} gets a ready event with token ${hex(token)}, which nobody waits for`); return; }
    world.races |= Race.EARLY_READY;
    if (world.has('no-dummy-entry')) return;
    for (let i = at + V.DUMMY; i < at + V.DUMMY + DUMMIES; i++) {
      if (world.words[i] !== 0) continue;
      world.words[i] = token;
      return;
    }
  }

  private writeMsr(vcpu: number, at: number, on: boolean): void {
    const { world } = this;
    if (!on) {
      if (world.model.queues[vcpu].outstanding > 0) world.races |= Race.MSR_OFF_IN_FLIGHT;
      world.words[world.layout.environment + E.MSR_OFF]--;
    }
    world.words[at + V.PV_ON] = on ? 1 : 0;
    world.writeEnable(vcpu, on);
    const woken = !on && world.config.guestWakesOnDisable !== false ? this.wake(vcpu, at, WAKE_ALL) : '';
    if (world.record !== null) world.say(`guest ${vcpu}`, on ? 'enables async page faults' : `disables async page faults: KVM cancels all${woken === '' ? '' : `; wakes${woken}`}`);
    if (on && world.record !== null) world.say('KVM', world.model.queues[vcpu].find(-1) >= 0 ? 'wake-all is due' : 'wake-all is left out: a completed fault is due');
    dequeue(world, vcpu);
  }

  /** INIT: everything that the vCPU's tasks did is lost, and they start again. */
  private reset(vcpu: number, at: number): void {
    const { world } = this;
    const { words, layout, model } = world;
    if (model.queues[vcpu].outstanding > 0) world.races |= Race.RESET_IN_FLIGHT;
    words[layout.environment + E.RESETS]--;
    model.reset(vcpu);
    for (const field of [V.NOT_PRESENT, V.TOKEN_WORD, V.IRQ, V.PV_ON]) words[at + field] = 0;
    words.fill(0, at + V.DUMMY, at + V.DUMMY + DUMMIES);
    for (let task = 0; task < layout.tasks[vcpu]; task++) {
      words.fill(0, layout.task(vcpu, task), layout.task(vcpu, task) + T.NEXT + 1);
      if (world.config.vcpus[vcpu][task].pages.length === 0) words[layout.task(vcpu, task) + T.STATE] = Task.DONE;
    }
    words[at + V.CURRENT] = world.firstRunnable(vcpu);
    if (world.record !== null) world.say(`vCPU ${vcpu}`, 'is reset: its faults are cancelled, its tasks start again');
  }
}

/** KVM's look at the queue of completed faults, as on every entry and whenever the vCPU is kicked. */
export function dequeue(world: World, vcpu: number): void {
  const { words, layout, model } = world;
  const queue = model.queues[vcpu];
  if (!queue.hasCompleted) return;
  const at = layout.vcpu(vcpu);
  const free = words[at + V.TOKEN_WORD] === 0;
  const outstanding = queue.outstanding;
  const token = model.takeReady(vcpu, free) | 0;
  if (token === 0) {
    if (world.record !== null && queue.outstanding < outstanding) world.say(`vCPU ${vcpu}`, 'KVM dequeues; the guest was not told and is not now');
    return;
  }
  if (!free) world.fail('lost-wake-up', `the ready event ${hex(words[at + V.TOKEN_WORD])} of vCPU ${vcpu} is overwritten`);
  words[at + V.TOKEN_WORD] = token;
  words[at + V.IRQ] = 1;
  if (world.record !== null) world.say(`vCPU ${vcpu}`, `KVM dequeues: ready interrupt, token ${hex(token)}${token === WAKE_ALL ? ' (wake-all)' : ''}`);
  const page = pageOfToken(world, vcpu, token);
  if (page < 0 || world.isAvailable(page)) return;
  words[at + V.SPURIOUS] = Math.min(2, words[at + V.SPURIOUS] + 1);
  world.fail('ready-before-data', `vCPU ${vcpu} is told that gfn ${page} is ready, which is ${words[layout.page(page) + P.BITS] === 0 ? 'empty' : 'still intercepted'}`);
  if (words[at + V.SPURIOUS] >= 2) world.fail('spurious-loop', `vCPU ${vcpu} was told twice that a page is ready, and was not right once`);
}

/** The guest's #PF handler finds a not-present event: the task sleeps, unless the ready event has come already. */
export function takeNotPresent(world: World, vcpu: number): void {
  const { words, layout } = world;
  const at = layout.vcpu(vcpu);
  const token = words[at + V.NOT_PRESENT];
  const task = words[at + V.CURRENT];
  words[at + V.NOT_PRESENT] = 0;
  for (let i = at + V.DUMMY; i < at + V.DUMMY + DUMMIES; i++) {
    if (words[i] !== token) continue;
    words[i] = 0;
    if (world.record !== null) world.say(`guest ${vcpu}`, `not-present event ${hex(token)}: was ready before, task ${task} goes on`);
    return;
  }
  if (pageOfToken(world, vcpu, token) >= 0) world.fail('double-completion', `token ${hex(token)} is given to a second task of vCPU ${vcpu}`);
  const page = world.wanted(vcpu, task);
  const taskAt = layout.task(vcpu, task);
  words[taskAt + T.TOKEN] = token;
  if (!world.has('ignores-not-present')) {
    words[taskAt + T.STATE] = Task.BLOCKED;
    words[at + V.CURRENT] = world.firstRunnable(vcpu);
  }
  if (world.record !== null) world.say(`guest ${vcpu}`, `not-present event ${hex(token)}: task ${task} sleeps`);
  if (world.isAvailable(page)) world.fail('spurious-pair', `vCPU ${vcpu} is told that gfn ${page} is not present, which is there`);
}

/** Page that the guest waits for under a token, or -1. */
function pageOfToken(world: World, vcpu: number, token: number): number {
  const { words, layout } = world;
  const at = layout.vcpu(vcpu);
  for (let task = 0; task < layout.tasks[vcpu]; task++) if (words[layout.task(vcpu, task) + T.TOKEN] === token) return world.wanted(vcpu, task);
  return words[at + V.NOT_PRESENT] === token && words[at + V.CURRENT] >= 0 ? world.wanted(vcpu, words[at + V.CURRENT]) : -1;
}

/** A token as people write it. */
function hex(token: number): string {
  return `0x${(token >>> 0).toString(16)}`;
}

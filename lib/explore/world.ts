/**
 * A small world around a proposal's model: a guest with tasks, user space, resolvers, and what happens to all of them. Its whole state can be
 * saved and loaded, and every step of it is one of the actions that its agents offer.
 *
 * What is one step here is what nothing else can get between in reality, or where it would make no difference: KVM's read of the interception
 * bits and what it does about them are two steps, data, each bit and completion are steps of their own.
 */
import {
  AsyncPfUserfaultModel,
  ItemState,
  kvmApfSharedPageLayout,
  SHARED_PAGE_WORDS,
  type ModelShape,
  type ProposalModel,
} from '../uapi/proposals/index.js';
import { KVM_ASYNC_PF_DELIVERY_AS_INT, KVM_ASYNC_PF_ENABLED } from '../uapi/index.js';
import { MSR_KVM_ASYNC_PF_EN, MSR_KVM_ASYNC_PF_INT } from '../uapi/index.js';
import { actionA, actionAgent, actionB, actionKind, type ActionList, type Agent } from './agent.js';
import { EnvironmentAgent } from './environment.js';
import { GuestAgent } from './guest.js';
import { profileTraits, resolverSteps, type ProfileTraits, type ResolverStep } from './profile-traits.js';
import { ResolverAgent } from './resolver.js';
import { RingAgent } from './ring-handler.js';
import { setArmed } from './ring-words.js';
import { UserSpaceAgent } from './user-space.js';
import { stateText } from './state-text.js';
import { CORRECTNESS, type Bug, type Invariant, type WorldConfig } from './world-config.js';
import { E, Handler, P, R, T, Task, V, WorldLayout } from './world-layout.js';

/** An invariant that does not hold, and why. */
export interface Violation {
  readonly invariant: Invariant;
  readonly detail: string;
}

/** One step of a trace, before it is rendered. */
export interface TraceStep {
  readonly who: string;
  readonly what: string;
  /** State of the gfns and of the items, after the step. */
  readonly state: string;
}

/** Value that the guest writes to its enable MSR; its areas are at the start of a memslot of their own. */
const AREA_GPA = 0x1000;
const VECTOR = 0xec;
const ENABLE = AREA_GPA | KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT;
const anyArea = (): boolean => true;

const { fields } = kvmApfSharedPageLayout;
const NOTIFY_ENTRIES = fields['notify.entries[0]'].offset / 4;
const COMPLETE_ENTRIES = fields['complete.entries[0]'].offset / 4;
const ENTRY_WORDS = fields['notify.entries[0]'].size / 4;

/** See the module's comment. */
export class World {
  readonly model: ProposalModel;
  readonly traits: ProfileTraits;
  readonly layout: WorldLayout;
  /** The world's own words; the model has others. */
  readonly words: Int32Array;
  /** Words of each vCPU's exitless rings. */
  readonly sharedPages: readonly Int32Array[];
  /** What a resolver does, in order. */
  readonly steps: readonly ResolverStep[];
  /** Words that a saved state takes. */
  readonly stateWords: number;
  /** Invariant that the last action violated. */
  violation: Violation | null = null;
  /** Races that were met, since somebody cleared it. */
  races = 0;
  /** Steps as they are said, while somebody wants them. */
  record: TraceStep[] | null = null;

  private readonly mostItems: number;
  private readonly agents: readonly Agent[];
  private readonly checked: ReadonlySet<Invariant>;
  private readonly bugs: ReadonlySet<Bug>;
  private readonly sharedWords: readonly number[];

  /**
   * @throws RangeError for a world that cannot be: no vCPU, a page outside the memslot, more of anything than an action can name
   */
  constructor(readonly config: WorldConfig) {
    const { vcpus, pages, resolvers = 1 } = config;
    const small = (count: number, least: number): boolean => Number.isInteger(count) && count >= least && count < 64;
    const tasks = vcpus.flat();
    if (!small(vcpus.length, 1) || !small(pages, 1) || !small(resolvers, 0) || !vcpus.every((plans) => small(plans.length, 0))) {
      throw new RangeError('a world has 1 to 63 vCPUs and pages, and up to 63 resolvers and tasks a vCPU');
    }
    if (!tasks.every((task) => task.pages.every((page) => Number.isInteger(page) && page >= 0 && page < pages))) throw new RangeError(`a task accesses a page outside 0..${pages - 1}`);
    this.traits = profileTraits(config.uapi);
    this.mostItems = config.itemsPerVcpu ?? 2;
    const shape: ModelShape = { vcpus: vcpus.length, pages, baseGpa: 0, itemsPerVcpu: this.mostItems, ringEntries: config.ringEntries ?? 2 };
    this.sharedPages = vcpus.map(() => new Int32Array(SHARED_PAGE_WORDS));
    this.model = (config.createModel ?? this.traits.createModel)(shape, this.sharedPages);
    this.checked = new Set(config.check ?? CORRECTNESS);
    this.bugs = new Set(config.bugs ?? []);
    this.steps = resolverSteps(this.traits, this.bugs);
    // One more resolver is the prefetcher.
    this.layout = new WorldLayout(vcpus.map((plans) => plans.length), pages, resolvers + (config.prefetcher === true ? 1 : 0));
    this.words = new Int32Array(this.layout.words);
    this.sharedWords = config.rings === true ? ringWords(this.model.shape.ringEntries) : [];
    this.stateWords = this.model.words.length + this.words.length + this.sharedWords.length * vcpus.length;
    this.agents = [new GuestAgent(this), new UserSpaceAgent(this), new ResolverAgent(this), new RingAgent(this), new EnvironmentAgent(this)];
    this.start();
  }

  /** Number of vCPUs. */
  get vcpus(): number {
    return this.config.vcpus.length;
  }

  /** Puts the world into its first state. */
  start(): void {
    const { words, layout, config } = this;
    words.fill(0);
    this.model.words.fill(0);
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      const at = layout.vcpu(vcpu);
      words[at + V.PV_ON] = config.guestAsync === false ? 0 : 1;
      for (let task = 0; task < layout.tasks[vcpu]; task++) if (config.vcpus[vcpu][task].pages.length === 0) words[layout.task(vcpu, task) + T.STATE] = Task.DONE;
      words[at + V.CURRENT] = this.firstRunnable(vcpu);
    }
    this.forgetUserSpace();
    this.setUpKvm();
    // The wake-all event of the guest's boot is long over.
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) this.model.takeReady(vcpu, true);
    const env = layout.environment;
    words[env + E.MSR_OFF] = config.msrOff ?? 0;
    words[env + E.RESETS] = config.resets ?? 0;
    words[env + E.RESTORES] = config.restores ?? 0;
    words[env + E.DISCARDS] = config.discards ?? 0;
    words[env + E.RECLASSIFY] = config.reclassify ?? 0;
    this.violation = null;
  }

  /** Copies the state out. */
  save(into: Int32Array, at: number): void {
    into.set(this.model.words, at);
    into.set(this.words, at + this.model.words.length);
    let next = at + this.model.words.length + this.words.length;
    for (const page of this.sharedPages) for (const word of this.sharedWords) into[next++] = page[word];
  }

  /** Takes a state that {@link save} copied out. */
  load(from: Int32Array, at: number): void {
    const { model, words } = this;
    let next = at;
    for (let i = 0; i < model.words.length; i++) model.words[i] = from[next++];
    for (let i = 0; i < words.length; i++) words[i] = from[next++];
    for (const page of this.sharedPages) for (const word of this.sharedWords) page[word] = from[next++];
    this.violation = null;
  }

  /** What can happen now. */
  actions(list: ActionList): void {
    list.clear();
    this.agents.forEach((agent, index) => {
      list.of(index);
      agent.offer(list);
    });
  }

  /** Takes one step, and checks what must hold after it. */
  perform(code: number): void {
    this.agents[actionAgent(code)].perform(actionKind(code), actionA(code), actionB(code));
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      const queue = this.model.queues[vcpu];
      let faults = 0;
      for (let slot = 0; slot < queue.slotCount; slot++) if (queue.state(slot) !== ItemState.FREE && !queue.isWakeAll(slot)) faults++;
      if (faults > this.mostItems) this.fail('bounded-queue', `${faults} faults are outstanding on vCPU ${vcpu}, of ${this.mostItems} at most`);
    }
  }

  /** True when the guest has done all it wanted to. */
  isFinished(): boolean {
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      for (let task = 0; task < this.layout.tasks[vcpu]; task++) if (this.words[this.layout.task(vcpu, task) + T.STATE] !== Task.DONE) return false;
    }
    return true;
  }

  /** What is wrong in a state that is not finished and where nothing has to happen any more. */
  stuck(): Violation | null {
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      for (let task = 0; task < this.layout.tasks[vcpu]; task++) {
        if (this.words[this.layout.task(vcpu, task) + T.STATE] !== Task.BLOCKED) continue;
        const page = this.wanted(vcpu, task);
        return this.unless('lost-wake-up', `task ${task} of vCPU ${vcpu} waits for gfn ${page} for ever (${this.isAvailable(page) ? 'which is there' : 'which nobody gets'})`);
      }
      if (this.model.queues[vcpu].halted) return this.unless('lost-wake-up', `vCPU ${vcpu} stays halted for ever`);
    }
    return this.unless('task-stuck', 'nothing is left to do, and the guest is not done');
  }

  /** A violation, if it is one of those that are checked. */
  unless(invariant: Invariant, detail: string): Violation | null {
    return this.checked.has(invariant) ? { invariant, detail } : null;
  }

  /** An invariant does not hold. The first one of a step counts. */
  fail(invariant: Invariant, detail: string): void {
    if (this.violation === null && this.checked.has(invariant)) this.violation = { invariant, detail };
  }

  /** Adds a line to the trace. Callers build the text only while there is a {@link record}. */
  say(who: string, what: string): void {
    this.record?.push({ who, what, state: stateText(this) });
  }

  /** Whether somebody makes this mistake. */
  has(bug: Bug): boolean {
    return this.bugs.has(bug);
  }

  /** True when an access to the page would find its data. */
  isAvailable(page: number): boolean {
    const at = this.layout.page(page);
    return this.words[at + P.BITS] === 0 && this.words[at + P.DATA] !== 0;
  }

  /** Page that a task accesses next. */
  wanted(vcpu: number, task: number): number {
    const { pages } = this.config.vcpus[vcpu][task];
    return pages[Math.min(this.words[this.layout.task(vcpu, task) + T.NEXT], pages.length - 1)];
  }

  /** First task of a vCPU that can run, or -1. */
  firstRunnable(vcpu: number): number {
    for (let task = 0; task < this.layout.tasks[vcpu]; task++) if (this.words[this.layout.task(vcpu, task) + T.STATE] === Task.RUNNABLE) return task;
    return -1;
  }

  /** Interception bits of a page before anybody resolved it. */
  firstBits(page: number): number {
    return this.config.bits?.[page] ?? this.traits.asyncBits;
  }

  /** True when a fault of the page is outstanding on a vCPU, or on any for -1. */
  hasItem(vcpu: number, page: number): boolean {
    if (vcpu >= 0) return this.model.queues[vcpu].find(page) >= 0;
    return this.model.queues.some((queue) => queue.find(page) >= 0);
  }

  /** The guest writes its enable MSR, or user space does so for it. */
  writeEnable(vcpu: number, on: boolean): void {
    if (on) this.model.writeMsr(vcpu, MSR_KVM_ASYNC_PF_INT, VECTOR, 0, anyArea);
    this.model.writeMsr(vcpu, MSR_KVM_ASYNC_PF_EN, on ? ENABLE : 0, 0, anyArea);
  }

  /** A new VM, whose MSRs are those of the guest. */
  setUpKvm(): void {
    const { model } = this;
    model.words.fill(0);
    model.slot.setIntercepting(true);
    const late = this.has('rings-after-msr');
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      if (!late) this.setUpRings(vcpu);
      if (this.words[this.layout.vcpu(vcpu) + V.PV_ON] !== 0) this.writeEnable(vcpu, true);
      if (late) this.setUpRings(vcpu);
    }
  }

  /** What the 2026 design wants of every vCPU before it runs. */
  private setUpRings(vcpu: number): void {
    const { model, config } = this;
    if (!(model instanceof AsyncPfUserfaultModel)) return;
    model.enableCap(vcpu, [1, 0, 0, 0]);
    this.sharedPages[vcpu].fill(0);
    if (config.rings === true && model.setEventfds(vcpu, { fd: 3, completeFd: 4 }) === 0) setArmed(this.sharedPages[vcpu], true);
  }

  /** User space knows nothing of any fault, and no page is there. */
  forgetUserSpace(): void {
    const { words, layout } = this;
    for (let page = 0; page < layout.pages; page++) {
      words[layout.page(page) + P.DATA] = 0;
      words[layout.page(page) + P.BITS] = this.firstBits(page);
      for (let vcpu = 0; vcpu < this.vcpus; vcpu++) words[layout.request(vcpu, page)] = 0;
    }
    for (let resolver = 0; resolver < layout.resolvers; resolver++) {
      words.fill(0, layout.resolver(resolver), layout.resolver(resolver) + R.TOKEN + 1);
      words[layout.resolver(resolver) + R.STEP] = -1;
    }
    for (let vcpu = 0; vcpu < this.vcpus; vcpu++) {
      const at = layout.vcpu(vcpu);
      words[at + V.HANDLER] = Handler.SLEEPS;
      words[at + V.NOTIFY_FD] = 0;
      words[at + V.COMPLETE_FD] = 0;
    }
    words[layout.environment + E.CHANGING] = -1;
  }
}

/** Words of a shared page that can differ between states. */
function ringWords(entries: number): number[] {
  const single = ['header.version', 'header.ring_size', 'header.entry_size', 'header.flags', 'notify.head', 'notify.tail', 'complete.head', 'complete.tail'] as const;
  const words = single.map((name) => fields[name].offset / 4);
  for (let i = 0; i < entries * ENTRY_WORDS; i++) words.push(NOTIFY_ENTRIES + i, COMPLETE_ENTRIES + i);
  return words;
}

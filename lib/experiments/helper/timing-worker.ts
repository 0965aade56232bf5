/** The timing helper's thread. */
import { parentPort } from 'node:worker_threads';
import { describeError } from '../../errors/index.js';
import { Vcpu, Vm, msiTo } from '../../kvm/index.js';
import { nativeAddon } from '../../native/index.js';
import { PAGE_SIZE, UffdMessages } from '../../uapi/index.js';
import type { TimedAnswer, TimedMessage, TimedTask } from './task.js';

const READ_SLICE_NS = 1e6;

/** What is left to do, at times of its own. */
class Agenda {
  readonly kickAtNs: number;
  readonly flagAtNs: number;
  readonly interruptAtNs: number;
  fillAtNs: number;
  kickedAtNs = 0;
  flaggedAtNs = 0;
  interruptedAtNs = 0;

  constructor(
    private readonly task: TimedTask,
    private readonly now: () => number,
  ) {
    const startNs = now();
    const at = (when: { readonly afterMs: number } | undefined): number => (when === undefined ? Infinity : startNs + when.afterMs * 1e6);
    this.kickAtNs = at(task.kick);
    this.flagAtNs = at(task.flag);
    this.interruptAtNs = at(task.interrupt);
    this.fillAtNs = task.kick === undefined ? at(task.fill) : Infinity;
  }

  /** Does what is due. */
  serve(): void {
    const { kick, flag, fill, interrupt } = this.task;
    if (interrupt !== undefined && this.interruptedAtNs === 0 && this.now() >= this.interruptAtNs) {
      this.interruptedAtNs = this.now();
      raise(interrupt);
    }
    if (kick !== undefined && this.kickedAtNs === 0 && this.now() >= this.kickAtNs) {
      this.kickedAtNs = this.now();
      Vcpu.kick(kick.vcpuShare);
      // A helper that was late with the kick is not to be early with the page.
      if (fill !== undefined) this.fillAtNs = this.kickedAtNs + fill.afterMs * 1e6;
    }
    if (flag !== undefined && this.flaggedAtNs === 0 && this.now() >= this.flagAtNs) {
      this.flaggedAtNs = this.now();
      Atomics.store(flag.words, 0, 1);
      if (flag.notify) Atomics.notify(flag.words, 0);
    }
  }

  /** Time to the next thing that is due, ns; at most a slice. */
  get pauseNs(): number {
    const nextNs = Math.min(
      this.kickedAtNs === 0 ? this.kickAtNs : Infinity,
      this.flaggedAtNs === 0 ? this.flagAtNs : Infinity,
      this.interruptedAtNs === 0 ? this.interruptAtNs : Infinity,
    );
    return Math.min(READ_SLICE_NS, Math.max(0, nextNs - this.now()));
  }
}

function raise({ vmShare, vector }: NonNullable<TimedTask['interrupt']>): void {
  const vm = Vm.adopt(vmShare);
  try {
    vm.signalMsi(msiTo(0, vector));
  } finally {
    vm.close();
  }
}

function perform(task: TimedTask): TimedAnswer {
  const addon = nativeAddon();
  const { fill, stop } = task;
  const uffd = fill === undefined ? null : addon.Userfaultfd.adopt(fill.userfaultfdShare);
  const mapping = fill === undefined ? null : addon.Mapping.adopt(fill.mappingShare);
  const messages = new UffdMessages(4);
  const threads = new Set<number>();
  const agenda = new Agenda(task, addon.monotonicNs);
  let filledAtNs = 0;
  try {
    while (Atomics.load(stop, 0) === 0) {
      agenda.serve();
      if (uffd === null || mapping === null) {
        Atomics.wait(stop, 0, 0, agenda.pauseNs / 1e6);
        continue;
      }
      // Faults are read as they come, so that their threads are known; whoever comes after the page was filled is served as well.
      const count = uffd.read(messages.bytes, agenda.pauseNs);
      for (let at = 0; at < count; at++) if (messages.isPagefault(at)) threads.add(messages.ptid(at));
      if (addon.monotonicNs() >= agenda.fillAtNs && (filledAtNs === 0 || count > 0)) {
        uffd.zeropage(mapping, 0, PAGE_SIZE, 0);
        filledAtNs ||= addon.monotonicNs();
      }
    }
    return { kickedAtNs: agenda.kickedAtNs, flaggedAtNs: agenda.flaggedAtNs, interruptedAtNs: agenda.interruptedAtNs, filledAtNs, faultingThreads: [...threads] };
  } finally {
    mapping?.close();
    uffd?.close();
  }
}

function answer(task: TimedTask): TimedMessage {
  try {
    return { kind: 'done', answer: perform(task) };
  } catch (error) {
    return { kind: 'failed', message: describeError(error) };
  }
}

parentPort?.on('message', (task: TimedTask) => parentPort?.postMessage(answer(task)));
parentPort?.postMessage({ kind: 'ready' } satisfies TimedMessage);

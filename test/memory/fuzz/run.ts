/** A process that fuzzes: takes what to do as JSON in its argument, prints what came of it as JSON. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { withAsyncPfGuest } from '../../../lib/experiments/guests/async-pf-guest.js';
import { Kvm } from '../../../lib/kvm/index.js';
import { DaxWindow, type SystemRam } from '../../../lib/memory/index.js';
import { addresses } from '../../../lib/probes/index.js';
import { PAGE_SIZE } from '../../../lib/uapi/index.js';
import { mapWindow } from '../../faults/dax-guest.js';
import { assertNothingLeft, holdings, startThreadPool } from '../../machine/support.js';
import { patience } from '../../support/slowness.js';
import { CHECKER, NOT_LOST, record, recordOf } from './checker.js';
import { FuzzHost } from './host.js';
import { HEAL_EVERY, PAGE_COUNT, operationAt } from './operations.js';
import type { CheckerEnd, CheckerPlan } from './vcpu-worker.js';

/** What to do. */
export interface FuzzPlan {
  readonly seed: number;
  /** Operations of the seed: the first, and the one behind the last. */
  readonly from: number;
  readonly to: number;
  readonly checkers: number;
  readonly canPoison: boolean;
  /** Something that must be found, in place of this operation. */
  readonly sabotage?: { readonly at: number; readonly how: 'byte' | 'page' };
}

/** What came of it. */
export interface FuzzResult {
  readonly operations: Readonly<Record<string, number>>;
  readonly checks: readonly number[];
  readonly losses: readonly number[];
  readonly causes: Readonly<Record<string, number>>;
  /** Null for nothing. */
  readonly failure: { readonly at: number; readonly what: string } | null;
}

/** A checker is to look at two pages within this time. */
const LIMIT_MS = patience(20_000);

/** Pages that a checker takes in random order until it has surely had each. */
const SURE_PAGES = 20 * PAGE_COUNT;
const PAUSE_EVERY = 2;
const PAUSE_MS = 0.1;

/** Something was found, or nothing happens any more. */
class Found extends Error {}

const word = (ram: SystemRam, at: number): bigint => ram.data.getBigUint64(at, true);

function findingOf(ram: SystemRam, checkers: number): string | null {
  for (let vcpu = 1; vcpu <= checkers; vcpu++) {
    const at = recordOf(vcpu);
    const finding = Atomics.load(ram.words, (at + record.finding) / 4);
    if (finding === 0) continue;
    const [address, value, expected] = [record.address, record.value, record.expected].map((offset) => `0x${word(ram, at + offset).toString(16)}`);
    const state = ram.words[(at + record.state) / 4];
    const page = Math.floor((Number(word(ram, at + record.address)) - addresses.page) / PAGE_SIZE);
    if (finding === NOT_LOST) return `vCPU ${vcpu} lost page ${page} at ${address}, which it was entitled to (state ${state})`;
    return `vCPU ${vcpu} found ${value} at ${address}, page ${page}, where ${expected} was to be (state ${state})`;
  }
  return null;
}

async function fuzz(plan: FuzzPlan): Promise<FuzzResult> {
  const kvm = Kvm.open();
  const window = DaxWindow.create({ memfdBytes: PAGE_COUNT * PAGE_SIZE }, PAGE_COUNT * PAGE_SIZE);
  try {
    return await withAsyncPfGuest(kvm, { cpl: 3, code: CHECKER, page: window.guestView, enable: false }, async (guest) => {
      mapWindow(guest, PAGE_COUNT);
      const { ram } = guest.memory;
      const control = new Int32Array(new SharedArrayBuffer(12));
      const host = new FuzzHost(window, ram, plan.canPoison);
      const ends: Promise<CheckerEnd>[] = [];
      const exits: Promise<unknown>[] = [];
      for (let index = 1; index <= plan.checkers; index++) {
        const workerData: CheckerPlan = { index, asyncPf: index === 1, vm: guest.vm.share(), ram: ram.share(), window: window.share(), root: guest.memory.root, control };
        const worker = new Worker(new URL('./vcpu-worker.js', import.meta.url), { workerData });
        ends.push(once(worker, 'message').then(([end]) => end as CheckerEnd));
        exits.push(once(worker, 'exit'));
      }
      const operations: Record<string, number> = {};
      let at = plan.from;
      let what: string | null = null;
      try {
        await untilAll('for the checkers to start', () => Atomics.load(control, 1) === plan.checkers || Atomics.load(control, 2) > 0);
        for (; at < plan.to; at++) {
          const operation = operationAt(plan.seed, at);
          if (plan.sabotage?.at === at) host.sabotage(plan.sabotage.how);
          else host.do(operation);
          operations[operation.kind] = (operations[operation.kind] ?? 0) + 1;
          if (plan.sabotage?.at === at) await look(SURE_PAGES);
          else if (operation.kind === 'heal') await look(2);
          // The checkers are to meet what is there in between, and each operation another state of theirs.
          else if (at % PAUSE_EVERY === 0) Atomics.wait(sleeper, 0, 0, PAUSE_MS);
          if (Atomics.load(control, 2) > 0) throw new Found('');
        }
        host.heal();
        await look(2);
        what = findingOf(ram, plan.checkers);
      } catch (error) {
        what = findingOf(ram, plan.checkers) ?? (error instanceof Error ? (error instanceof Found ? error.message : (error.stack ?? error.message)) : String(error));
      }
      // Nobody waits in KVM for a page that does not come.
      host.heal();
      Atomics.store(control, 0, 1);
      const all = await Promise.all(ends);
      await Promise.all(exits);
      const errors = all.flatMap(({ error }) => error ?? []);
      if (errors.length > 0) what = [what ?? '', ...errors].join('\n').trim();
      const causes: Record<string, number> = {};
      for (const end of all) for (const [cause, count] of Object.entries(end.causes)) causes[cause] = (causes[cause] ?? 0) + count;
      const counted = (offset: number): number[] => all.map(({ index }) => Number(word(ram, recordOf(index) + offset)));
      return { operations, checks: counted(record.checks), losses: counted(record.losses), causes, failure: what === null ? null : { at, what } };

      /** Each checker has looked at so many pages from now on; of two, one was begun after now. */
      async function look(pages: number): Promise<void> {
        const checks = (vcpu: number): bigint => word(ram, recordOf(vcpu) + record.checks);
        const before = Array.from({ length: plan.checkers }, (_, i) => checks(i + 1));
        const isThrough = (): boolean => before.every((count, i) => checks(i + 1) >= count + BigInt(pages));
        await untilAll(`for each checker to look at ${pages} pages`, () => isThrough() || Atomics.load(control, 2) > 0);
      }
    });
  } finally {
    window.close();
    kvm.close();
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

async function untilAll(what: string, isDue: () => boolean): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  for (let waits = 0; !isDue(); waits++) {
    if (performance.now() >= deadline) throw new Found(`waited ${LIMIT_MS} ms ${what}`);
    // The vCPUs want the CPUs; a Worker needs this thread while it starts.
    if (waits % 16 === 15) await new Promise((resolve) => setTimeout(resolve, 1));
    else Atomics.wait(sleeper, 0, 0, 0.2);
  }
}

async function main(plan: FuzzPlan): Promise<void> {
  await startThreadPool();
  // What the first run leaves behind (a decoder, say) the others use.
  await fuzz({ seed: 1, from: 0, to: HEAL_EVERY, checkers: plan.checkers, canPoison: plan.canPoison });
  const before = holdings();
  const result = await fuzz(plan);
  if (typeof globalThis.gc === 'function') globalThis.gc();
  await assertNothingLeft(before);
  process.stdout.write(JSON.stringify(result));
}

await main(JSON.parse(process.argv[2]) as FuzzPlan);

/** What the machine's tests share: a workload over a counting page source, and a look at what a run left behind. */
import { strict as assert } from 'node:assert';
import { readFileSync, readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { checksumPage, type DeliveryMode, type Machine, type MachineOptions, type PageSourceModule } from '../../lib/index.js';
import type { UapiName } from '../../lib/uapi/proposals/index.js';
import { nativeAddon } from '../../lib/native/index.js';
import { countingPage, type CountingOptions } from './sources/counting.js';
import { patience } from '../support/slowness.js';

export const ALL_MODES: readonly DeliveryMode[] = ['sync-uffd', 'sync-exit', 'apf-kernel', 'apf-user'];

/** A mode under a proposal's interface. */
export interface ProposalMode {
  readonly uapi: UapiName;
  readonly mode: DeliveryMode;
  /** Both, for titles and keys. */
  readonly title: string;
}

/** Every mode that a proposal makes, `sync-uffd` left out: it is the same under all. */
export const PROPOSAL_MODES: readonly ProposalMode[] = (
  [
    ['userfault', 'sync-exit'],
    ['async-pf-user-2024', 'sync-exit'],
    ['async-pf-user-2024', 'apf-user'],
    ['async-pf-userfault-2026', 'sync-exit'],
    ['async-pf-userfault-2026', 'apf-user'],
    ['async-pf-userfault-2026', 'apf-exitless'],
    ['sync-async-2bit', 'sync-exit'],
    ['sync-async-2bit', 'apf-user'],
  ] as const
).map(([uapi, mode]) => ({ uapi, mode, title: `${uapi} ${mode}` }));

/** Of those, the ones in which the guest is told of faults. */
export const ASYNC_PROPOSAL_MODES = PROPOSAL_MODES.filter(({ mode }) => mode.startsWith('apf'));

/** Names the counting source. */
export function countingSource(options: CountingOptions = {}): PageSourceModule {
  return { module: new URL('./sources/counting.js', import.meta.url).href, options };
}

/** Checksum lanes of the counting source's pages. */
export function countingSums(pages: number): Int32Array {
  const lanes = new Int32Array(2 * pages);
  for (let page = 0; page < pages; page++) checksumPage(countingPage(page), 0, page, lanes);
  return lanes;
}

/** A machine small enough for a test. */
export function smallMachine(mode: DeliveryMode, changes: Partial<MachineOptions> = {}): MachineOptions {
  const windowPages = changes.windowPages ?? 300;
  return { mode, windowPages, source: countingSource(), expected: countingSums(windowPages), ...changes };
}

/** Waits until the guest's fault tasks have taken `count` pages. */
export async function pagesHandedOut(machine: Machine, count: number): Promise<void> {
  const limitMs = patience(30_000);
  const deadline = Date.now() + limitMs;
  while (machine.progress().pages < count) {
    assert(Date.now() < deadline, `waited ${limitMs / 1000} s for ${count} pages to be handed out`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Starts libuv's thread pool, which stays for good, so that its threads are not taken for ours. */
export async function startThreadPool(): Promise<void> {
  await Promise.all(Array.from({ length: 8 }, () => stat('/')));
}

/** What a process holds: compare before and after. */
export function holdings(): { descriptors: number; threads: number; mappings: number; handles: number } {
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    mappings: readFileSync('/proc/self/maps', 'utf8').split('\n').filter((line) => line.includes('kvm-faultlab') || line.includes('kvm-vcpu')).length,
    handles: Object.values(nativeAddon().liveHandles()).reduce((a, b) => a + b, 0),
  };
}

/** Waits until `holdings` shows no more than before: threads go a moment after their Workers. */
export async function assertNothingLeft(before: ReturnType<typeof holdings>): Promise<void> {
  const limitMs = patience(10_000);
  const deadline = Date.now() + limitMs;
  for (;;) {
    const now = holdings();
    if (now.descriptors <= before.descriptors && now.threads <= before.threads && now.mappings <= before.mappings && now.handles <= before.handles) return;
    assert(Date.now() < deadline, `waited ${limitMs / 1000} s for everything to be released: before ${JSON.stringify(before)}, now ${JSON.stringify(now)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

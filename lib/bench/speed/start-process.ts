/**
 * The process whose start is measured: a machine as fast as may be. Prints CLOCK_MONOTONIC at its first KVM_RUN, ns, taken in native code, and when the phases before
 * were over ({@link StartReport}).
 */
import { zeroSource } from '../../faults/index.js';
import { Machine } from '../../machine/index.js';
import { StampKind, nativeAddon } from '../../native/index.js';
import type { StartReport } from './start-account.js';

// Times of the own clock, ms since the process began, until the addon is there.
const modulesMs = performance.now();
const addon = nativeAddon();
const addonMs = performance.now();
const beganNs = addon.monotonicNs() - performance.now() * 1e6;
const marks: StartReport['marks'] = {
  beganNs,
  bootedNs: beganNs + performance.nodeTiming.bootstrapComplete * 1e6,
  modulesNs: beganNs + modulesMs * 1e6,
  addonNs: beganNs + addonMs * 1e6,
};

const machine = await Machine.create({ mode: 'sync-exit', windowPages: 1, source: zeroSource(), order: Uint32Array.of(0), faultTasks: 1, workTasks: 0, stamps: true });
try {
  const { stamps, tscKhz, start } = await machine.run();
  const log = stamps?.vcpus[0];
  const first = log?.kind.indexOf(StampKind.RUN_ENTER) ?? -1;
  if (log === undefined || first < 0) throw new Error('the vCPU left no stamp of its first KVM_RUN');
  const nowNs = addon.monotonicNs();
  const now = Number(addon.tsc());
  const report = { ns: nowNs - ((now - log.tsc[first]) / tscKhz) * 1e6, marks, machine: start } satisfies Record<keyof StartReport, unknown>;
  process.stdout.write(JSON.stringify(report));
} finally {
  await machine.close();
}

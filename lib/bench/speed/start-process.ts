/** The process whose start is measured: a machine as fast as may be. Prints CLOCK_MONOTONIC at its first KVM_RUN, ns, taken in native code. */
import { zeroSource } from '../../faults/index.js';
import { Machine } from '../../machine/index.js';
import { StampKind, nativeAddon } from '../../native/index.js';

const machine = await Machine.create({ mode: 'sync-exit', windowPages: 1, source: zeroSource(), order: Uint32Array.of(0), faultTasks: 1, workTasks: 0, stamps: true });
try {
  const { stamps, tscKhz } = await machine.run();
  const log = stamps?.vcpus[0];
  const first = log?.kind.indexOf(StampKind.RUN_ENTER) ?? -1;
  if (log === undefined || first < 0) throw new Error('the vCPU left no stamp of its first KVM_RUN');
  const nowNs = nativeAddon().monotonicNs();
  const now = Number(nativeAddon().tsc());
  process.stdout.write(JSON.stringify({ ns: nowNs - ((now - log.tsc[first]) / tscKhz) * 1e6 }));
} finally {
  await machine.close();
}

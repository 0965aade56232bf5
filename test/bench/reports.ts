import { REPORT_VERSION, type BenchReport, type ModeReport, type TrapInstructionReport } from '../../lib/bench/index.js';
import { repetitionsOf, type SingleRun } from '../../lib/bench/repetitions.js';
import { RESOLVER_COUNTERS, VCPU_COUNTERS } from '../../lib/machine/counters.js';

/** Counters of these names, each 0 but for what is given. */
function counters<Name extends string>(names: readonly Name[], changes: Partial<Record<Name, number>>): Record<Name, number> {
  return { ...(Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>), ...changes };
}

/** An instruction that works, and what a null trap by it takes; null for one that does not. */
function trap(nullTrapNs: number | null): TrapInstructionReport {
  return nullTrapNs === null
    ? { probe: { outcome: 'exception', vector: 6 }, taken: 0, nullTrapNs }
    : { probe: { outcome: 'works' }, taken: 100, nullTrapNs };
}

/** One mode of a run in which all went well, but for what is given. */
export function modeReport(changes: Partial<ModeReport> = {}): ModeReport {
  const run: SingleRun = {
    name: changes.mode ?? 'sync-uffd',
    mode: 'sync-uffd',
    point: {},
    failure: null,
    placement: [{ thread: 'vCPU 0', cpus: [0] }, { thread: 'resolver 0', cpus: [1] }],
    pagesPerSecondPerVcpu: 20,
    implementation: 'native',
    end: 'done',
    passed: true,
    pages: 10,
    pagingSeconds: 0.5,
    pagesPerSecond: 20,
    account: null,
    latency: { count: 10, minNs: 100, meanNs: 200, p50Ns: 200, p90Ns: 300, p99Ns: 400, p999Ns: 400, maxNs: 500, histogram: { upToNs: [201, 303, 500], counts: [6, 3, 1] } },
    work: { controlPerSecond: 1000, pagingPerSecond: 500, relative: 0.5, controlDrift: 1.01, guestKernelShare: 0.1 },
    guestKernel: { notPresentNs: null, readyNs: null, tickNs: 70, entryExitNs: 20 },
    trap: { used: 'ud2', by: { syscall: trap(null), int80: trap(null), ud2: trap(90) } },
    events: { notPresent: 0, ready: 0, wakeAll: 0, earlyReady: 0, spurious: 0, idle: 0, checks: [{ what: 'pages = pages', guest: 10, host: 10, agree: true }] },
    exits: counters(VCPU_COUNTERS, { exits: 12 }),
    resolver: counters(RESOLVER_COUNTERS, { faults: 10, pages: 10 }),
    integrity: { compared: 10, mismatched: 0, guestMismatches: 0, examples: [], exact: true },
    ...changes,
  };
  return { repetitions: repetitionsOf([run], [0], 'workRelative', 'count'), ...run };
}

/** A report of a run in which all went well, but for what is given. */
export function benchReport(changes: Partial<BenchReport> = {}): BenchReport {
  return {
    reportVersion: REPORT_VERSION,
    tool: { name: 'kvm-faultlab', version: '0.1.0', node: '20.20.2' },
    startedAt: '2026-11-21T08:32:15.690Z',
    host: { kind: 'PVM', kernelRelease: '6.18.0', cpuModel: 'AMD EPYC', cpuCount: 2, virtualized: true, emulated: false },
    parameters: {
      workload: 'fault-and-work', source: 'file', trace: null, prefetch: false, latencyModel: 'constant', inFlight: 0, pin: 'auto',
      image: 'made for this run', imageMade: true, imageSizeBytes: 40_960, pages: 10, uapi: 'stock', policy: 'always-async', order: 'seq', seed: 1, vcpus: 1, faultTasks: 8, workTasks: 2,
      latencyNs: 0, quickShare: 0, quickLatencyNs: 0, resolvers: 1, trap: 'auto', tickNs: 4e6, controlNs: 500e6,
    },
    elapsedNs: 4e9,
    swept: [],
    repetition: { asked: 1, confidenceShare: null, budgetNs: null },
    budgetSpent: false,
    modes: [modeReport()],
    notReproduced: [],
    interrupted: false,
    passed: true,
    ...changes,
  };
}

/** The same on a host that QEMU emulates. */
export function emulatedReport(changes: Partial<BenchReport> = {}): BenchReport {
  return benchReport({ host: { kind: 'SVM', kernelRelease: '6.12.0', cpuModel: 'QEMU TCG CPU', cpuCount: 1, virtualized: true, emulated: true }, ...changes });
}

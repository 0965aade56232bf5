import { EXPERIMENT_REPORT_VERSION, type ExperimentReport } from '../../lib/experiments/index.js';
import { SPEED_REPORT_VERSION, judge, type FaultAccount, type SpeedReport } from '../../lib/bench/index.js';
import type { ReportItem } from '../../lib/report/index.js';
import { benchReport, modeReport } from '../bench/reports.js';

/** An experiment with one of everything, but for what is given. */
export function experimentReport(changes: Partial<ExperimentReport> = {}): ExperimentReport {
  return {
    reportVersion: EXPERIMENT_REPORT_VERSION,
    id: 'q1',
    question: 'From which fetch time on does async pay?',
    method: ['Three arms,', 'in rounds.'],
    tool: benchReport().tool,
    host: benchReport().host,
    startedAt: '2026-11-21T08:32:15.690Z',
    seconds: 12.5,
    budgetSeconds: 90,
    interrupted: false,
    finding: { answered: true, answer: 'from a break-even on', verdict: 'from 34 us on' },
    changedBy: ['More rounds.'],
    notReproduced: ['The exit is emulated.'],
    tables: [
      { id: 'sweep', title: 'By fetch latency', rows: [{ fetch: '10 us', costNs: 1500, wonShare: 0.25, better: 'sync' }, { fetch: '1 ms', costNs: null, wonShare: 0.5, better: 'async' }] },
      { id: 'runs', title: 'Every run', detail: true, rows: [{ arm: 'sync', pages: 12 }] },
    ],
    plots: [
      {
        title: 'Cost of a page',
        x: ['0', '10 us', '1 ms'],
        y: 'log10 of us',
        log10Of: 'us',
        xNs: [0, 10e3, 1e6],
        lines: [{ name: 'sync', values: [1, 1.5, 3], low: [0.9, 1.4, 2.9], high: [1.1, 1.6, 3.1] }, { name: 'async', values: [2, 2, null] }],
        marks: [{ label: 'break-even 34 us', what: 'where the two cost the same', atNs: 34e3, lowNs: 20e3, highNs: 60e3 }],
      },
      { title: 'By share', x: ['none', 'half', 'all'], y: 'us', lines: [{ name: 'one bit', values: [3, 2, 1] }], reference: { y: 2, label: 'control' } },
    ],
    traces: [{ title: 'A way there', text: 'step 1\nstep 2' }],
    ...changes,
  };
}

/** An account whose parts, and what they leave, add up to its latency. */
export function faultAccount(changes: Partial<FaultAccount> = {}): FaultAccount {
  const part = (name: FaultAccount['parts'][number]['part'], meanNs: number): FaultAccount['parts'][number] => ({ part: name, meanNs, p50Ns: meanNs * 0.9, p99Ns: meanNs * 3 });
  return { faults: 10, leftOut: 2, floorNs: 30, clockRoomNs: 0, latencyNs: 100_000, parts: [part('exit', 6000), part('locate', 4000), part('fetch', 80_000), part('fill', 3000), part('resume', 6500)], unexplainedNs: 500, ...changes };
}

/** A run of `speed` with a goal met, one missed and a figure without one. */
export function speedReport(changes: Partial<SpeedReport> = {}): SpeedReport {
  const { tool, host, startedAt } = benchReport();
  return {
    speedVersion: SPEED_REPORT_VERSION, tool, host, startedAt,
    loadAverage: [0.5, 1.5],
    cpus: { vcpu: 0, resolver: 1 },
    parameters: { mostPages: 100_000, rounds: 8, faults: 6000, tickNs: 4e6, seed: 1 },
    figures: [
      judge('port-out', { value: 1.02, low: 1.01, high: 1.04, count: 8 }, ['a round trip: TypeScript 2.04 us, C 2.00 us']),
      judge('sync-exit', { value: 1.3, low: 1.25, high: 1.4, count: 8 }),
      judge('apf-kernel', { value: 1.01, low: 0.98, high: 1.05, count: 8 }),
      judge('start', { value: 50e6, low: 45e6, high: 60e6, count: 8 }),
    ],
    vcpuTimes: [],
    loops: [],
    interrupted: false,
    ...changes,
  };
}

/** A bench of two modes with accounts, an experiment and a run of `speed`. */
export function someItems(): ReportItem[] {
  const latency = { count: 10, minNs: 1e3, meanNs: 2e4, p50Ns: 1e4, p90Ns: 1e5, p99Ns: 1e6, p999Ns: 2e6, maxNs: 3e6, histogram: { upToNs: [2e3, 1e4, 1e5, 3e6], counts: [2, 3, 4, 1] } };
  return [
    { kind: 'bench', name: 'bench.json', report: benchReport({ modes: [modeReport({ latency, account: faultAccount() }), modeReport({ mode: 'apf-user', implementation: 'emulated', latency: { ...latency, p50Ns: 2e4 } })] }) },
    { kind: 'experiment', name: 'answers.json', report: experimentReport() },
    { kind: 'speed', name: 'speed.json', report: speedReport() },
  ];
}

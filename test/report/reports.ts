import { EXPERIMENT_REPORT_VERSION, type ExperimentReport } from '../../lib/experiments/index.js';
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
        marks: [{ label: 'break-even 34 us', atNs: 34e3, lowNs: 20e3, highNs: 60e3 }],
      },
      { title: 'By share', x: ['none', 'half', 'all'], y: 'us', lines: [{ name: 'one bit', values: [3, 2, 1] }], reference: { y: 2, label: 'control' } },
    ],
    traces: [{ title: 'A way there', text: 'step 1\nstep 2' }],
    ...changes,
  };
}

/** A bench of four modes and an experiment. */
export function someItems(): ReportItem[] {
  const latency = { count: 10, minNs: 1e3, meanNs: 2e4, p50Ns: 1e4, p90Ns: 1e5, p99Ns: 1e6, p999Ns: 2e6, maxNs: 3e6, histogram: { upToNs: [2e3, 1e4, 1e5, 3e6], counts: [2, 3, 4, 1] } };
  return [
    { kind: 'bench', name: 'bench.json', report: benchReport({ modes: [modeReport({ latency }), modeReport({ mode: 'apf-user', implementation: 'emulated', latency: { ...latency, p50Ns: 2e4 } })] }) },
    { kind: 'experiment', name: 'answers.json', report: experimentReport() },
  ];
}

/** Runs the parts of a paper one after the other; whatever becomes of one, the others follow. */
import { BENCH_DEFAULTS, BenchFailure, packageVersion, runBench, type BenchObserver } from '../../bench/index.js';
import { FaultLabError, describeError } from '../../errors/index.js';
import { runExperiment, type ExperimentReport, EXPERIMENT_REPORT_VERSION } from '../../experiments/index.js';
import { readHost } from '../../kvm/index.js';
import type { ReportItem } from '../../report/index.js';
import { budgetOf, type BenchPart, type ExperimentPart, type Part } from './plan.js';

/** Fetch latency of the benches: one at which the modes differ. */
const BENCH_LATENCY_NS = 1e6;
const BENCH_PAGES = 600;
const ACCOUNT_PAGES = 500;
const BENCH_CONTROL_NS = 300e6;

/** What is run of each kind of bench. */
const LOADS = {
  waiting: { pages: BENCH_PAGES, latencyNs: BENCH_LATENCY_NS, controlNs: BENCH_CONTROL_NS },
  account: { pages: ACCOUNT_PAGES, latencyNs: 0, faultTasks: 1, workTasks: 0, order: 'random', account: true },
} as const;

/** Told how a paper goes on. */
export interface PaperObserver {
  /** A part begins. */
  begin(part: Part, number: number, count: number): void;
  /** What it is doing. */
  progress(what: string): void;
  /** It has ended: all that there is by now. */
  ended(part: Part, item: PaperItem, items: readonly PaperItem[]): void;
  interrupted(): boolean;
  /** Who is to be stopped when somebody asks; null: nobody. */
  follow(running: { stop(): void } | null): void;
}

/** A part that has run. */
export interface PaperItem {
  readonly part: Part;
  /** Null where there is nothing to show: a bench that broke in its first mode. */
  readonly item: ReportItem | null;
  /** `verdict`: answered, or every check of a bench good. `none`: no answer. `bad`: a check of a bench. `broken`: the run itself. */
  readonly state: 'verdict' | 'none' | 'bad' | 'broken';
  /** The verdict, or why there is none, one sentence. */
  readonly sentence: string;
}

/** Runs the parts within the budget, as far as they have any say in it. Ends after the part at hand when interrupted. */
export async function writePaper(parts: readonly Part[], budgetMs: number, observer: PaperObserver): Promise<PaperItem[]> {
  const deadlineMs = performance.now() + budgetMs;
  const items: PaperItem[] = [];
  for (const [at, part] of parts.entries()) {
    if (observer.interrupted()) break;
    observer.begin(part, at + 1, parts.length);
    const item = part.kind === 'bench' ? await runBenchPart(part, observer) : await runExperimentPart(part, budgetOf(parts, at, budgetMs, deadlineMs - performance.now()), observer);
    items.push(item);
    observer.ended(part, item, items);
  }
  return items;
}

async function runBenchPart(part: Part & BenchPart, observer: PaperObserver): Promise<PaperItem> {
  const benchObserver: BenchObserver = {
    started: (mode, machine) => {
      observer.progress(mode);
      observer.follow(machine);
    },
    ended: () => {
      observer.follow(null);
    },
    interrupted: () => observer.interrupted(),
  };
  try {
    const report = await runBench({ ...BENCH_DEFAULTS, uapi: part.uapi, modes: part.modes, ...LOADS[part.load] }, benchObserver);
    const good = report.passed || report.interrupted;
    return { part, item: report.modes.length === 0 ? null : { kind: 'bench', name: part.id, report }, state: good ? 'verdict' : 'bad', sentence: good ? `every page and every count is right in ${report.modes.length} modes` : 'a page differs or counts disagree' };
  } catch (error) {
    const failure = error instanceof BenchFailure ? error : null;
    const report = failure?.report ?? null;
    const sentence = failure === null ? describeError(error) : `${failure.row}: ${describeError(failure.cause)}`;
    return { part, item: report === null || report.modes.length === 0 ? null : { kind: 'bench', name: part.id, report }, state: 'broken', sentence };
  }
}

async function runExperimentPart(part: Part & ExperimentPart, budgetMs: number, observer: PaperObserver): Promise<PaperItem> {
  const startedAt = new Date();
  let report: ExperimentReport;
  try {
    report = await runExperiment(part.experiment, { budgetMs }, {
      progress: (what) => {
        observer.progress(what);
      },
      interrupted: () => observer.interrupted(),
      follow: (running) => {
        observer.follow(running);
      },
    });
  } catch (error) {
    if (!(error instanceof FaultLabError)) throw error;
    const why = `the run broke: ${error.message} [${error.code}]`;
    return { part, item: { kind: 'experiment', name: part.id, report: brokenReport(part, startedAt, budgetMs, why, observer.interrupted()) }, state: 'broken', sentence: why };
  } finally {
    observer.follow(null);
  }
  const { finding } = report;
  return { part, item: { kind: 'experiment', name: part.id, report }, state: finding.answered ? 'verdict' : 'none', sentence: finding.answered ? finding.verdict : finding.why };
}

/** A report of a run that left none. */
function brokenReport({ experiment }: ExperimentPart, startedAt: Date, budgetMs: number, why: string, interrupted: boolean): ExperimentReport {
  return {
    reportVersion: EXPERIMENT_REPORT_VERSION,
    id: experiment.id,
    question: experiment.question,
    method: experiment.method,
    tool: { name: 'kvm-faultlab', version: packageVersion(), node: process.versions.node },
    host: readHost(),
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    budgetSeconds: budgetMs / 1000,
    interrupted,
    finding: { answered: false, why },
    changedBy: [],
    notReproduced: [],
    tables: [],
    plots: [],
  };
}

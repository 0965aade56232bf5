/** Runs the parts of a paper one after the other; whatever becomes of one, the others follow. */
import { BENCH_DEFAULTS, BenchFailure, packageVersion, runBench, type BenchObserver } from '../../bench/index.js';
import { describeError, fromNative } from '../../errors/index.js';
import { EXPERIMENT_REPORT_VERSION, LEAST_BUDGET_MS, MOST_BUDGET_MS, runExperiment, type ExperimentObserver, type ExperimentReport } from '../../experiments/index.js';
import { readHost } from '../../kvm/index.js';
import type { ReportItem } from '../../report/index.js';
import { allowanceMs, isPieceNext, type BenchPart, type ExperimentPart, type Part, type Unfinished } from './plan.js';
import { Turns } from './turns.js';

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
  /** A part begins, or has another turn. */
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
  /** The answer, or why there is none, one sentence. */
  readonly sentence: string;
}

/** A part on its way. */
interface Underway {
  readonly part: Part;
  readonly turns: Turns<PaperItem>;
  spentMs: number;
  item: PaperItem | null;
}

/**
 * Runs the parts within the budget, as far as they have any say in it. Benches come first; then experiments that measure in rounds have a round each by turns, and the others run
 * between: the rounds of one are spread over all of the time. Ends after the round or part at hand when interrupted, with what there is of those that were begun.
 */
export async function writePaper(parts: readonly Part[], budgetMs: number, observer: PaperObserver): Promise<PaperItem[]> {
  const deadlineMs = performance.now() + budgetMs;
  const weights = parts.reduce((total, { weight }) => total + weight, 0);
  const all = parts.map((part): Underway => {
    const own: Underway = {
      part, spentMs: 0, item: null,
      turns: new Turns((pause) => (part.kind === 'bench' ? runBenchPart(part, observer) : runExperimentPart(part, { pause, remainingMs: () => clock.remainingMs(own) }, observer))),
    };
    return own;
  });
  const clock = new SharedClock(all, (part) => (budgetMs * part.weight) / weights, deadlineMs);
  const turn = async (own: Underway): Promise<void> => {
    observer.begin(own.part, parts.indexOf(own.part) + 1, parts.length);
    const result = await clock.during(own, () => own.turns.next());
    if (result === null) return;
    own.item = result.value;
    observer.ended(own.part, own.item, all.flatMap(({ item }) => item ?? []));
  };
  const isInRounds = ({ part }: Underway): boolean => part.kind === 'experiment' && part.experiment.inRounds === true;
  for (const bench of all.filter(({ part }) => part.kind === 'bench')) if (!observer.interrupted()) await turn(bench);
  const pieces = all.filter((own) => own.part.kind === 'experiment' && !isInRounds(own));
  let done = 0;
  for (let pass = 0; ; pass++) {
    const rounds = all.filter((own) => isInRounds(own) && own.item === null);
    // Whoever was begun is asked once more, for what it has.
    for (const own of rounds) if (!observer.interrupted() || own.spentMs > 0) await turn(own);
    const isLast = rounds.length === 0;
    while (done < pieces.length && !observer.interrupted() && (isLast || isPieceNext(pass + 1, pieces.map(({ part: { weight } }) => weight), done))) await turn(pieces[done++]);
    if (isLast || (observer.interrupted() && all.every((own) => !isInRounds(own) || own.item !== null || own.spentMs === 0))) break;
  }
  return all.flatMap(({ item }) => item ?? []);
}

/** Who has spent how much of the time, and how much is left to whom. */
class SharedClock {
  private turnFromMs = 0;
  private turnOf: Underway | null = null;

  constructor(private readonly all: readonly Underway[], private readonly fairMs: (part: Part) => number, private readonly deadlineMs: number) {}

  /** What a part may still take, ms. */
  remainingMs(own: Underway): number {
    const of = (one: Underway): Unfinished => ({ weight: one.part.weight, spentMs: one.spentMs + (one === this.turnOf ? performance.now() - this.turnFromMs : 0) });
    return allowanceMs(of(own), this.all.filter(({ item }) => item === null).map(of), this.fairMs(own.part), this.deadlineMs - performance.now());
  }

  /** A turn of a part, whose time it is. */
  async during<T>(own: Underway, turn: () => Promise<T>): Promise<T> {
    this.turnFromMs = performance.now();
    this.turnOf = own;
    try {
      return await turn();
    } finally {
      own.spentMs += Math.max(1, performance.now() - this.turnFromMs);
      this.turnOf = null;
    }
  }
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

async function runExperimentPart(part: Part & ExperimentPart, time: Required<Pick<ExperimentObserver, 'pause' | 'remainingMs'>>, observer: PaperObserver): Promise<PaperItem> {
  const startedAt = new Date();
  const budgetMs = Math.min(MOST_BUDGET_MS, Math.max(LEAST_BUDGET_MS, time.remainingMs()));
  let report: ExperimentReport;
  try {
    report = await runExperiment(part.experiment, { budgetMs }, {
      ...time,
      progress: (what) => {
        observer.progress(what);
      },
      interrupted: () => observer.interrupted(),
      follow: (running) => {
        observer.follow(running);
      },
    });
  } catch (error) {
    // Whatever it is: others have rounds behind them that must not be lost.
    const { message, code } = fromNative(error, `run ${part.id}`);
    const why = `the run broke: ${message} [${code}]`;
    return { part, item: { kind: 'experiment', name: part.id, report: brokenReport(part, startedAt, budgetMs, why, observer.interrupted()) }, state: 'broken', sentence: why };
  } finally {
    observer.follow(null);
  }
  const { finding } = report;
  return { part, item: { kind: 'experiment', name: part.id, report }, state: finding.answered ? 'verdict' : 'none', sentence: finding.answered ? finding.answer : finding.why };
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

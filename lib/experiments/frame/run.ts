/** Runs one experiment: its time, its host, its report. */
import { packageVersion } from '../../bench/index.js';
import { FaultLabError, isCoded } from '../../errors/index.js';
import { Kvm, readHost, type Host } from '../../kvm/index.js';
import { EXPERIMENT_IDS, type Experiment, type ExperimentContext, type Stoppable } from './experiment.js';
import { withFigures } from './figure.js';
import { EXPERIMENT_REPORT_VERSION, type ExperimentReport, type Outcome } from './report.js';
import { unanswered } from './unanswered.js';

/** Limits of `budgetMs`. */
export const LEAST_BUDGET_MS = 1000;
export const MOST_BUDGET_MS = 3600_000;
export const DEFAULT_BUDGET_MS = 90_000;

/** A software CPU takes this many times as long for the same. */
const EMULATED_FACTOR = 8;

/** Told how an experiment goes on. */
export interface ExperimentObserver {
  progress(what: string, done: number, total: number): void;
  interrupted(): boolean;
  follow(running: Stoppable | null): void;
  /** Lets others have their turn, and returns when it is this experiment's again; absent where there are none. */
  pause?(): Promise<void>;
  /** How much of its time is left, ms, where somebody shares it out as others need more or less; absent: the budget less what was spent. */
  remainingMs?(): number;
}

/** An observer that sees nothing and never asks to end. */
export const SILENT: ExperimentObserver = { progress: () => undefined, interrupted: () => false, follow: () => undefined };

/** How to run an experiment. */
export interface RunOptions {
  /** What it may take, ms; experiments take fewer samples rather than more time. Where left out the experiment's own, or a minute and a half. */
  readonly budgetMs?: number;
  /** Values of the experiment's choice to run; all of them where left out. */
  readonly chosen?: readonly string[];
}

/**
 * Runs an experiment and makes its report.
 * @throws FaultLabError: `BAD_OPTION`; `KVM_*` where there is no KVM; what the experiment throws
 */
export async function runExperiment(experiment: Experiment, { budgetMs = experiment.budgetMs ?? DEFAULT_BUDGET_MS, chosen }: RunOptions = {}, observer: ExperimentObserver = SILENT): Promise<ExperimentReport> {
  if (!(budgetMs >= LEAST_BUDGET_MS && budgetMs <= MOST_BUDGET_MS)) {
    throw new FaultLabError('BAD_OPTION', `an experiment's budget must be from ${LEAST_BUDGET_MS / 1000} s to ${MOST_BUDGET_MS / 1000} s, not ${budgetMs / 1000} s`);
  }
  const values = chosenOf(experiment, chosen);
  const host = readHost();
  const startedAt = new Date();
  const clock = new OwnTime();
  const outcome = withoutUnknowns(await attemptRun(experiment, contextOf(host, values, budgetMs, clock, observer)));
  return {
    reportVersion: EXPERIMENT_REPORT_VERSION,
    id: experiment.id,
    question: experiment.question,
    method: experiment.method,
    tool: { name: 'kvm-faultlab', version: packageVersion(), node: process.versions.node },
    host,
    startedAt: startedAt.toISOString(),
    seconds: clock.spentMs() / 1000,
    budgetSeconds: budgetMs / 1000,
    interrupted: observer.interrupted(),
    ...outcome,
    tables: withFigures(outcome),
  };
}

/** Without figures of an experiment that was interrupted before it had one value of them. */
function withoutUnknowns(outcome: Outcome): Outcome {
  return outcome.figures === undefined ? outcome : { ...outcome, figures: outcome.figures.filter(({ value }) => Number.isFinite(value)) };
}

/** The time that an experiment has spent, without that of others in its pauses. */
class OwnTime {
  private readonly startMs = performance.now();
  private pausedMs = 0;

  /** Ms since it was made, without pauses. */
  spentMs(): number {
    return performance.now() - this.startMs - this.pausedMs;
  }

  /** Waits for something that is not its own. */
  async without(others: () => Promise<void>): Promise<void> {
    const fromMs = performance.now();
    await others();
    this.pausedMs += performance.now() - fromMs;
  }
}

/** The values to run, in the experiment's order. */
function chosenOf({ id, choice }: Experiment, chosen: readonly string[] | undefined): readonly string[] {
  if (chosen === undefined) return choice?.values ?? [];
  if (choice === undefined) throw new FaultLabError('BAD_OPTION', `experiment ${id} has nothing to choose from`);
  const unknown = chosen.find((value) => !choice.values.includes(value));
  if (unknown !== undefined) throw new FaultLabError('BAD_OPTION', `experiment ${id} has no ${choice.option} '${unknown}'`, { hint: `--${choice.option} takes all, or some of ${choice.values.join(', ')}` });
  return choice.values.filter((value) => chosen.includes(value));
}

async function attemptRun(experiment: Experiment, context: ExperimentContext): Promise<Outcome> {
  const lacking = whatIsLacking(experiment);
  if (lacking !== null) return unanswered(`this host cannot answer: ${lacking}`);
  return experiment.run(context);
}

function whatIsLacking(experiment: Experiment): string | null {
  const kvm = Kvm.open();
  try {
    return experiment.lacks(kvm);
  } finally {
    kvm.close();
  }
}

/** A line of `experiment --list`. */
export interface QuestionState {
  readonly id: Experiment['id'];
  readonly question: string;
  readonly state: 'answered here' | 'needs';
  /** What is needed; null where nothing is. */
  readonly needs: string | null;
}

/** Where each question stands on this host; asks KVM, runs nothing. */
export function listQuestions(experiments: readonly Experiment[]): QuestionState[] {
  const built = experiments.map((experiment): QuestionState => {
    const { id, question } = experiment;
    let needs: string | null;
    try {
      needs = whatIsLacking(experiment);
    } catch (error) {
      if (!isCoded(error)) throw error;
      needs = error.message;
    }
    return { id, question, state: needs === null ? 'answered here' : 'needs', needs };
  });
  return built.sort((a, b) => EXPERIMENT_IDS.indexOf(a.id) - EXPERIMENT_IDS.indexOf(b.id));
}

function contextOf(host: Host, chosen: readonly string[], budgetMs: number, clock: OwnTime, observer: ExperimentObserver): ExperimentContext {
  return {
    host,
    chosen,
    remainingMs: () => Math.max(0, observer.remainingMs?.() ?? budgetMs - clock.spentMs()),
    pause: () => (observer.pause === undefined ? Promise.resolve() : clock.without(async () => observer.pause?.())),
    samples: (usual, least = 1) => Math.max(least, Math.ceil(usual / (host.emulated ? EMULATED_FACTOR : 1))),
    progress: (what, done, total) => {
      observer.progress(what, done, total);
    },
    interrupted: () => observer.interrupted(),
    follow: (running) => {
      observer.follow(running);
    },
  };
}

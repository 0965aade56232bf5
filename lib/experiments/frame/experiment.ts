/** What an experiment is: a question that reviewers of the proposals left open, and a way to answer it with data of this host. */
import type { Host, Kvm } from '../../kvm/index.js';
import type { Outcome } from './report.js';

/** Questions in the order in which they were raised. */
export const QUESTION_IDS = ['q1', 'q2', 'q3', 'q4', 'q5', 'q6', 'q7', 'q8', 'q9', 'q10', 'q11', 'q12', 'q13', 'q14', 'q15', 'q16'] as const;

/** Name of a question on the command line. */
export type QuestionId = (typeof QUESTION_IDS)[number];

/** Scenarios: what happens when a page never comes, and what went wrong in earlier designs. They answer no reviewer's question. */
export const SCENARIO_IDS = ['truncate', 'history', 'delivery'] as const;

/** Name of a scenario on the command line. */
export type ScenarioId = (typeof SCENARIO_IDS)[number];

/** All names, in the order in which they are listed. */
export const EXPERIMENT_IDS: readonly (QuestionId | ScenarioId)[] = [...QUESTION_IDS, ...SCENARIO_IDS];

/** Whoever can be asked to end early. */
export interface Stoppable {
  stop(): void;
}

/** What an experiment works with. */
export interface ExperimentContext {
  readonly host: Host;
  /** What was chosen of the experiment's {@link Experiment.choice}: all of it where nothing was. */
  readonly chosen: readonly string[];
  /** How much of its time is left, ms; never negative. */
  remainingMs(): number;
  /**
   * How many samples to take: `usual`, or fewer where an instruction takes many times as long as on hardware.
   * @param least - without which there is no answer; 1 where left out
   */
  samples(usual: number, least?: number): number;
  /** Between two rounds: lets other experiments have their turn, whose time is not this one's. Returns at once where there are none. */
  pause(): Promise<void>;
  /** Says what is being done, for a terminal. `done` of `total` parts. */
  progress(what: string, done: number, total: number): void;
  /** True once somebody asked to end: the experiment returns what it has. */
  interrupted(): boolean;
  /** What is to be stopped when somebody asks; null when nothing is. */
  follow(running: Stoppable | null): void;
}

/** Variants that an experiment runs all of, or only some by an option of the command line. */
export interface ExperimentChoice {
  /** Name of the option, without dashes. */
  readonly option: string;
  readonly values: readonly string[];
}

/** A question that can be asked here. */
export interface Experiment {
  readonly id: QuestionId | ScenarioId;
  readonly question: string;
  /** How it is answered, two or three lines. */
  readonly method: readonly string[];
  /** What it may take where nobody says otherwise, ms; DEFAULT_BUDGET_MS where left out. */
  readonly budgetMs?: number;
  /** What can be left out of it by an option; absent where nothing can. */
  readonly choice?: ExperimentChoice;
  /** True where it measures in rounds and pauses between them: a paper spreads its rounds over all of its time. */
  readonly inRounds?: boolean;
  /** What this KVM lacks to answer, as the middle of a sentence ("KVM_CAP_ASYNC_PF is 0 here"); null where it lacks nothing. */
  readonly lacks: (kvm: Kvm) => string | null;
  /**
   * Answers from data of this run alone.
   * @throws FaultLabError where the run itself breaks: what a host refuses is an answer or a reason, not an error
   */
  readonly run: (context: ExperimentContext) => Promise<Outcome>;
}

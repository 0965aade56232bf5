/** What an experiment leaves: its verdict, and everything that the verdict was computed from. */
import type { Host } from '../../kvm/index.js';

/** Version of {@link ExperimentReport}'s format. */
export const EXPERIMENT_REPORT_VERSION = 1;

/** One value of a table; null where there was nothing to measure. */
export type Cell = string | number | boolean | null;

/**
 * One row of data. A column's name ends in its unit where it has one: `Ns` (a time in ns), `PerSecond`, `Share` (a fraction, 1 = all of
 * it), `Ratio`, `Cycles` (TSC cycles). Without one a number is a count.
 */
export type Row = Readonly<Record<string, Cell>>;

/** Rows of one kind. */
export interface DataTable {
  /** For programs. */
  readonly id: string;
  readonly title: string;
  readonly rows: readonly Row[];
  /** True for data behind another table: in JSON, and not printed. */
  readonly detail?: boolean;
  /** What a reader has to know to read it right, a sentence or two: shown below the table. */
  readonly note?: string;
}

/** Lines over a few named places. */
export interface PlotData {
  readonly title: string;
  /** Names of the places, from left to right. */
  readonly x: readonly string[];
  /** What the places are, with their unit where their names have none. */
  readonly xLabel?: string;
  /** What the height means, with its unit. */
  readonly y: string;
  readonly lines: readonly PlotLine[];
  /** The places as times, where they are such, ns: a page draws them at their distance. */
  readonly xNs?: readonly number[];
  /** The values are decimal logarithms of numbers of this unit. A page draws the numbers, on a logarithmic axis. */
  readonly log10Of?: string;
  /** Where something happens between the places, with its 95 % interval. Only with `xNs`. */
  readonly marks?: readonly {
    readonly label: string;
    /** What happens there, as the end of a sentence: "where the two cost the same". */
    readonly what?: string;
    readonly atNs: number;
    readonly lowNs: number;
    readonly highNs: number;
  }[];
  /** A level to compare the lines with. */
  readonly reference?: { readonly y: number; readonly label: string };
  /** Which way is better. */
  readonly better?: 'lower' | 'higher';
  /** The load, and what the plot may not be compared with, a sentence or two. */
  readonly load?: string;
  /** What else a reader has to know to read it right. */
  readonly note?: string;
}

/** A line, and the ends of the 95 % intervals of its values where they are known. */
export interface PlotLine {
  readonly name: string;
  /** What the name stands for; absent where it speaks for itself. */
  readonly title?: string;
  readonly values: readonly (number | null)[];
  readonly low?: readonly (number | null)[];
  readonly high?: readonly (number | null)[];
}

/** A way to something that must not happen, as text to be pasted into a mail. */
export interface TraceText {
  readonly title: string;
  readonly text: string;
}

/** What an experiment came to. */
export type Finding =
  | {
      readonly answered: true;
      /** The verdict without its figures, for a reader who knows none of the words of this project: the same words for the same outcome on every host. */
      readonly answer: string;
      /** One sentence with the figures of this run. */
      readonly verdict: string;
    }
  /** This host, or so short a run, cannot answer: `why` says exactly why not. */
  | { readonly answered: false; readonly why: string };

/** A number that a verdict quotes, with its 95 % interval: what a second run is held to. */
export interface QuotedFigure {
  /** For programs: the same in every run of the experiment. */
  readonly id: string;
  readonly title: string;
  readonly unit: 'ns' | 'ratio' | 'share';
  readonly value: number;
  /** Ends of the interval; null where there is none. */
  readonly low: number | null;
  readonly high: number | null;
  /** Independent values that it comes from. */
  readonly units: number;
  /** What each of them is, in the plural: `rounds`, `machines`. */
  readonly unitsAre: string;
}

/** What {@link Experiment.run} returns. */
export interface Outcome {
  readonly finding: Finding;
  /** How sure the verdict is and what would make it another one, a sentence each. */
  readonly changedBy: readonly string[];
  /** What was emulated, and what the emulation does not show, a sentence each. */
  readonly notReproduced: readonly string[];
  readonly tables: readonly DataTable[];
  readonly plots: readonly PlotData[];
  /** What the verdict rests on, as numbers; absent where it is no matter of numbers. */
  readonly figures?: readonly QuotedFigure[];
  /** Counterexamples that an exploration found. */
  readonly traces?: readonly TraceText[];
}

/** An {@link Outcome} with where it comes from. Plain data. */
export interface ExperimentReport extends Outcome {
  readonly reportVersion: typeof EXPERIMENT_REPORT_VERSION;
  readonly id: string;
  readonly question: string;
  readonly method: readonly string[];
  readonly tool: { readonly name: 'kvm-faultlab'; readonly version: string; readonly node: string };
  readonly host: Host;
  /** ISO date. */
  readonly startedAt: string;
  readonly seconds: number;
  /** What it was allowed to take. */
  readonly budgetSeconds: number;
  /** True when it was ended early: what is here was computed from what was done until then. */
  readonly interrupted: boolean;
}

/**
 * Whether a second run repeats a first: the same answers, and figures that differ by no more than their intervals allow. Of many figures some differ by chance; how many is known, and
 * more than that is a disagreement of the runs.
 */
import { differenceOf, differingHosts, figuresWithheld, mostByChance, ratioOf, type ComparableHost, type Estimate } from '../../bench/index.js';
import { FaultLabError } from '../../errors/index.js';
import type { QuotedFigure } from '../frame/report.js';
import type { RepeatedExperiment, RepeatedRun } from './parse.js';

/** Version of {@link Repeats}' format. */
export const REPEATS_VERSION = 1;

/** Chance that a figure differs where nothing did. */
const CHANCE = 0.05;

/** A run and what to call it. */
export interface NamedRun {
  /** The file it came from. */
  readonly name: string;
  readonly report: RepeatedRun;
}

/** A figure of both runs. */
export interface RepeatedFigure {
  readonly experiment: string;
  readonly id: string;
  readonly title: string;
  readonly unit: QuotedFigure['unit'];
  readonly first: RepeatedValue;
  readonly second: RepeatedValue;
  /** Second over first, or second less first; null where one run has no interval of it. */
  readonly difference: { readonly kind: 'ratio' | 'difference'; readonly value: number; readonly low: number; readonly high: number } | null;
  /** Whether the interval of that holds 1, or 0; null where there is none. */
  readonly agrees: boolean | null;
}

/** What one run says of a figure. */
export type RepeatedValue = Pick<QuotedFigure, 'value' | 'low' | 'high' | 'units' | 'unitsAre'>;

/** Answers of both runs; null: none. An experiment that one run did not have is not the same. */
export interface RepeatedAnswer {
  readonly experiment: string;
  readonly first: string | null;
  readonly second: string | null;
  readonly same: boolean;
}

/** What came of it. */
export interface Repeats {
  readonly repeatsVersion: typeof REPEATS_VERSION;
  readonly reports: readonly { readonly name: string; readonly startedAt: string; readonly host: ComparableHost }[];
  readonly answers: readonly RepeatedAnswer[];
  readonly sameAnswers: boolean;
  /** Of both runs; null where figures may not be compared or were not asked for. */
  readonly figures: readonly RepeatedFigure[] | null;
  /** Why there are none; null where there are. */
  readonly figuresWithheld: string | null;
  /** Figures that only one run has, `experiment/id` each: not compared. */
  readonly unmatched: readonly string[];
  /** Figures with an interval in both runs, and those of them that do not agree. */
  readonly compared: number;
  readonly disagreements: number;
  /** As many may disagree by chance: in nineteen cases of twenty no more do, were they independent. */
  readonly allowed: number;
  /** The same answers, figures compared unless they were not asked for, and no more of them apart than that. */
  readonly repeats: boolean;
  /** True where runs of different hosts were compared all the same. */
  readonly forced: boolean;
}

/** How to compare. */
export interface RepeatOptions {
  /** Answers alone. */
  readonly verdictsOnly?: boolean;
  /** Figures of different hosts all the same, unless some are emulated and others are not. */
  readonly force?: boolean;
}

/**
 * Compares two runs.
 * @throws FaultLabError `BAD_OPTION` for another number of them, `COMPARE_EMULATED` and `COMPARE_HOSTS` as for benches
 */
export function compareRepeats(runs: readonly NamedRun[], { verdictsOnly = false, force = false }: RepeatOptions = {}): Repeats {
  if (runs.length !== 2) throw new FaultLabError('BAD_OPTION', `--repeats takes two files, not ${runs.length}`);
  const withheld = figuresWithheld(runs, verdictsOnly, force);
  const [first, second] = runs.map(({ report }) => report.experiments);
  const answers = answersOf(first, second);
  const [a, b] = [first, second].map(figuresById);
  const figures = withheld === null ? [...a].flatMap(([key, one]) => figureOf(one, b.get(key))) : null;
  const compared = figures?.filter(({ agrees }) => agrees !== null).length ?? 0;
  const disagreements = figures?.filter(({ agrees }) => agrees === false).length ?? 0;
  const allowed = mostByChance(compared, CHANCE);
  const sameAnswers = answers.every(({ same }) => same);
  return {
    repeatsVersion: REPEATS_VERSION,
    reports: runs.map(({ name, report: { startedAt, host } }) => ({ name, startedAt, host })),
    answers,
    sameAnswers,
    figures,
    figuresWithheld: withheld,
    unmatched: withheld === null ? [...[...a.keys()].filter((key) => !b.has(key)), ...[...b.keys()].filter((key) => !a.has(key))] : [],
    compared,
    disagreements,
    allowed,
    repeats: sameAnswers && (verdictsOnly ? answers.some(({ first: answer }) => answer !== null) : (compared > 0 && disagreements <= allowed)),
    forced: figures !== null && differingHosts(runs).length > 1,
  };
}

function answersOf(first: readonly RepeatedExperiment[], second: readonly RepeatedExperiment[]): RepeatedAnswer[] {
  const ids = [...new Set([...first, ...second].map(({ id }) => id))];
  return ids.map((experiment) => {
    const [one, other] = [first, second].map((run) => run.find(({ id }) => id === experiment));
    return { experiment, first: one?.answer ?? null, second: other?.answer ?? null, same: one !== undefined && other !== undefined && one.answer === other.answer };
  });
}

interface OwnedFigure {
  readonly experiment: string;
  readonly figure: QuotedFigure;
}

function figuresById(experiments: readonly RepeatedExperiment[]): Map<string, OwnedFigure> {
  return new Map(experiments.flatMap(({ id, figures }) => figures.map((figure) => [`${id}/${figure.id}`, { experiment: id, figure }])));
}

function figureOf({ experiment, figure }: OwnedFigure, twin: OwnedFigure | undefined): RepeatedFigure[] {
  if (twin === undefined || twin.figure.unit !== figure.unit) return [];
  const valueOf = ({ value, low, high, units, unitsAre }: QuotedFigure): RepeatedValue => ({ value, low, high, units, unitsAre });
  const difference = differenceBetween(figure, twin.figure);
  const even = difference?.kind === 'ratio' ? 1 : 0;
  return [{
    experiment, id: figure.id, title: figure.title, unit: figure.unit, first: valueOf(figure), second: valueOf(twin.figure), difference,
    agrees: difference === null ? null : difference.low <= even && even <= difference.high,
  }];
}

function differenceBetween(first: QuotedFigure, second: QuotedFigure): RepeatedFigure['difference'] {
  const [a, b] = [first, second].map(({ value, low, high, units }): Estimate => ({ value, low: low ?? NaN, high: high ?? NaN, count: units }));
  if ([a, b].some(({ low, high }) => Number.isNaN(low) || Number.isNaN(high))) return null;
  // Shares near 0 or 1 have intervals that are no factors.
  const kind = first.unit !== 'share' && a.low > 0 && b.low > 0 ? 'ratio' : 'difference';
  const { value, low, high } = kind === 'ratio' ? ratioOf(b, a) : differenceOf(b, a);
  return { kind, value, low, high };
}

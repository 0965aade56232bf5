/** The figures of `speed`: each with its goal, and how far from it what was measured is. */
import { formatDuration } from '../duration.js';
import type { Estimate } from '../statistics.js';
import type { FigureAccount } from './figure-account.js';

/** Names of the figures, in the order reports show them. */
export const SPEED_FIGURE_NAMES = ['port-out', 'sync-exit', 'apf-user', 'apf-kernel', 'kept-apf-user', 'kept-apf-kernel', 'against-uffd', 'start', 'memory', 'flat'] as const;
/** A name of {@link SPEED_FIGURE_NAMES}. */
export type SpeedFigureName = (typeof SPEED_FIGURE_NAMES)[number];

/** What a figure is counted in: `ratio` of two like quantities, ns, bytes. */
export type SpeedUnit = 'ratio' | 'ns' | 'bytes';

/** What a figure is to be. */
export type Goal = { readonly atMost: number } | { readonly atLeast: number };

/** What is known of a figure before it is measured. */
export interface SpeedFigureTraits {
  readonly title: string;
  readonly unit: SpeedUnit;
  /** Null: measured for its own sake. */
  readonly goal: Goal | null;
}

const MIB = 2 ** 20;

/** Every figure. */
export const SPEED_FIGURES: Readonly<Record<SpeedFigureName, SpeedFigureTraits>> = {
  'port-out': { title: 'port-out exit round trip, TypeScript / C', unit: 'ratio', goal: { atMost: 1.1 } },
  'sync-exit': { title: 'sync-exit fault, TypeScript / C', unit: 'ratio', goal: { atMost: 1.15 } },
  'apf-user': { title: 'apf-user fault, both events and completion, TypeScript / C', unit: 'ratio', goal: { atMost: 1.25 } },
  'apf-kernel': { title: 'apf-kernel fault, TypeScript / C', unit: 'ratio', goal: null },
  'kept-apf-user': { title: 'work kept in apf-user, handlers of the guest taken out', unit: 'ratio', goal: { atLeast: 0.95 } },
  'kept-apf-kernel': { title: 'work kept in apf-kernel, handlers of the guest taken out', unit: 'ratio', goal: { atLeast: 0.95 } },
  'against-uffd': { title: 'work while paging, apf-user / sync-uffd', unit: 'ratio', goal: { atLeast: 1.9 } },
  start: { title: 'process start to first guest instruction, over a bare node', unit: 'ns', goal: { atMost: 100e6 } },
  memory: { title: 'memory of one VM with 1 vCPU, over a bare Worker', unit: 'bytes', goal: { atMost: 8 * MIB } },
  flat: { title: 'cost per fault, most pages / 10^4 pages', unit: 'ratio', goal: { atMost: 1.1 } },
};

/** `open`: the interval reaches to both sides of the goal, so that more runs may say either. */
export type SpeedVerdict = 'met' | 'missed' | 'open';

/** One figure as it was measured. */
export interface SpeedFigure {
  readonly name: SpeedFigureName;
  readonly unit: SpeedUnit;
  readonly goal: Goal | null;
  /** The middle of the runs and its 95 % interval. */
  readonly measured: Estimate;
  /** Null where there is no goal. */
  readonly verdict: SpeedVerdict | null;
  /** How far the middle is on the wrong side of the goal, as a share of the goal; null where it is not. */
  readonly missedByShare: number | null;
  /** What else there is to know, a sentence each. */
  readonly notes: readonly string[];
  /** What it is made of; null where nothing takes it apart. */
  readonly account: FigureAccount | null;
}

/** Sets a measurement against its goal; `account` says what it is made of. */
export function judge(name: SpeedFigureName, measured: Estimate, notes: readonly string[] = [], account: FigureAccount | null = null): SpeedFigure {
  const { unit, goal } = SPEED_FIGURES[name];
  if (goal === null) return { name, unit, goal, measured, verdict: null, missedByShare: null, notes, account };
  const [limit, excess] = 'atMost' in goal ? [goal.atMost, measured.value - goal.atMost] : [goal.atLeast, goal.atLeast - measured.value];
  const [best, worst] = 'atMost' in goal ? [measured.low, measured.high] : [-measured.high, -measured.low];
  const bar = 'atMost' in goal ? limit : -limit;
  const verdict = worst <= bar ? 'met' : best > bar ? 'missed' : 'open';
  return { name, unit, goal, measured, verdict, missedByShare: excess > 0 ? excess / limit : null, notes, account };
}

/** A value of a figure for people. */
export function formatSpeed(value: number, unit: SpeedUnit): string {
  switch (unit) {
    case 'ratio':
      return value.toFixed(value < 10 ? 3 : 1);
    case 'ns':
      return formatDuration(Math.max(0, value));
    case 'bytes':
      return `${(value / MIB).toFixed(1)} MiB`;
  }
}

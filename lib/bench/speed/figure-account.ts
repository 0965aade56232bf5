/** What a figure of `speed` is made of: parts that add up to the whole, what no part explains included. */
import { formatSpeed, type SpeedUnit } from './figures.js';

/** One part, in the figure's unit. Below zero where it takes less than what it is set against. */
export interface FigureAccountPart {
  readonly name: string;
  readonly value: number;
}

/** See the module's comment. */
export interface FigureAccount {
  /** The figure of one pair of processes, the middle one of all pairs: all parts are of that pair. */
  readonly whole: number;
  readonly parts: readonly FigureAccountPart[];
  /** `whole` less all parts. */
  readonly unexplained: number;
}

/** An account whose rest is what the parts leave of the whole. */
export function accountFor(whole: number, parts: readonly FigureAccountPart[]): FigureAccount {
  return { whole, parts, unexplained: whole - parts.reduce((sum, { value }) => sum + value, 0) };
}

/** Which of some values is the middle one; of an even number the lower one of both. Throws RangeError where there is none. */
export function middleOf(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no value, no middle');
  const order = values.map((_, at) => at).sort((a, b) => values[a] - values[b]);
  return order[(order.length - 1) >> 1];
}

/** Lines of an account for people: a part each, its share of the whole, and the rest. */
export function figureAccountLines({ whole, parts, unexplained }: FigureAccount, unit: SpeedUnit): string[] {
  const rows = [...parts, { name: 'unexplained', value: unexplained }];
  const shown = rows.map(({ value }) => `${value < 0 ? '-' : ''}${formatSpeed(Math.abs(value), unit)}`);
  const width = Math.max(...shown.map((text) => text.length));
  return rows.map(({ name }, at) => `  ${shown[at].padStart(width)}  ${`${whole === 0 ? '-' : ((rows[at].value / whole) * 100).toFixed(1)} %`.padStart(7)}  ${name}`);
}

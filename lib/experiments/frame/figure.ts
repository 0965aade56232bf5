/** Numbers with intervals, for sentences, for programs and as a table. */
import { formatDuration } from '../../bench/index.js';
import type { DataTable, Outcome, QuotedFigure, Row } from './report.js';
import type { Estimate } from './statistics.js';

/** A figure of a verdict. `unitsAre`: what its independent values are, in the plural. */
export function quoted(id: string, title: string, unit: QuotedFigure['unit'], { value, low, high, count }: Estimate, unitsAre = 'rounds'): QuotedFigure {
  const known = Number.isFinite(low) && Number.isFinite(high);
  return { id, title, unit, value, low: known ? low : null, high: known ? high : null, units: count, unitsAre };
}

/** The interval of an estimate for a sentence or a table: `1.20 to 1.31`, or why there is none. */
export function rangeText({ low, high, count }: Pick<Estimate, 'low' | 'high' | 'count'>, format: (value: number) => string): string {
  return Number.isFinite(low) && Number.isFinite(high) ? `${format(low)} to ${format(high)}` : count < 2 ? 'no interval: one round' : `${Number.isFinite(low) ? format(low) : 'anything'} to ${Number.isFinite(high) ? format(high) : 'anything'}`;
}

/** A time, also one below 0. */
export function signedDuration(ns: number): string {
  return ns < 0 ? `-${formatDuration(-ns)}` : formatDuration(ns);
}

const FORMATS: Readonly<Record<QuotedFigure['unit'], (value: number) => string>> = {
  ns: signedDuration,
  ratio: (value) => (value < 10 ? value.toFixed(3) : String(Number(value.toPrecision(4)))),
  share: (value) => `${Number((value * 100).toPrecision(3))} %`,
};

/** A value of a figure's unit, for people. */
export function figureText(unit: QuotedFigure['unit'], value: number): string {
  return FORMATS[unit](value);
}

/** The tables of an outcome, and behind them its figures, where it has any. */
export function withFigures({ tables, figures = [] }: Pick<Outcome, 'tables' | 'figures'>): readonly DataTable[] {
  if (figures.length === 0) return tables;
  const rows = figures.map(({ title, unit, value, low, high, units, unitsAre }): Row => ({
    figure: title, value: figureText(unit, value), interval: low === null || high === null ? 'none' : `${figureText(unit, low)} to ${figureText(unit, high)}`, from: `${units} ${units === 1 ? unitsAre.replace(/s$/, '') : unitsAre}`,
  }));
  return [...tables, { id: 'figures', title: 'Figures with their 95 % intervals: what a second run is held to', rows }];
}

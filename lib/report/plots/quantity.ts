/** Numbers as people read them, and ticks of an axis. */
import { scaleLinear, scaleLog, scaleSymlog } from 'd3-scale';
import { formatDuration } from '../../bench/index.js';
import type { Axis, Quantity } from './spec.js';

/** A number with its unit, as short as it stays right. */
export function formatQuantity(value: number, quantity: Quantity): string {
  if (!Number.isFinite(value)) return '-';
  switch (quantity) {
    case 'ns':
      return value < 0 ? `-${formatDuration(-value)}` : formatDuration(value);
    case 'share':
      return `${trim((value * 100).toFixed(Math.abs(value) < 0.0995 ? 2 : 1))} %`;
    case 'ratio':
      return trim(value.toFixed(Math.abs(value) < 10 ? 3 : 1));
    case 'per second':
      return `${count(value)}/s`;
    case 'count':
      return count(value);
    case 'plain':
      return trim(Number(value.toPrecision(4)).toString());
  }
}

/** The same for a tick, where digits after the point say nothing. */
export function formatTick(value: number, quantity: Quantity): string {
  if (quantity === 'ns') return formatDuration(Math.abs(value)).replace(/\.0+(?= )|(\.\d*?)0+(?= )/, '$1').replace(/^/, value < 0 ? '-' : '');
  if (quantity === 'share') return `${Number((value * 100).toPrecision(3))} %`;
  if ((quantity === 'count' || quantity === 'per second') && Math.abs(value) >= 10_000) return `${Number((value / (Math.abs(value) >= 1e6 ? 1e6 : 1e3)).toPrecision(3))}${Math.abs(value) >= 1e6 ? ' M' : ' k'}`;
  return Number(value.toPrecision(3)).toLocaleString('en-US');
}

function count(value: number): string {
  return (Math.abs(value) < 100 ? Number(value.toFixed(2)) : Math.round(value)).toLocaleString('en-US');
}

function trim(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** Where a value lies on the paper, and where ticks are. */
export interface Positions {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/**
 * A scale for an axis.
 * @param values - everything that must be on it; at least one, finite
 * @param range - from and to, on the paper
 * @param most - about how many ticks there is room for
 * @param include - values that must be on a linear axis besides: 0 for a bar
 */
export function positions(axis: Axis, values: readonly number[], range: readonly [number, number], most: number, include: readonly number[] = []): Positions {
  const all = axis.log === true ? values : [...values, ...include];
  let [low, high] = [Math.min(...all), Math.max(...all)];
  if (low === high) [low, high] = axis.log === true && low > 0 ? [low / 2, low * 2] : [Math.min(0, low), low === 0 ? 1 : Math.max(0, low * 1.2)];
  if (axis.log !== true) {
    const scale = scaleLinear().domain([low, high]).range([...range]).nice(most);
    return { at: (value) => scale(value), ticks: scale.ticks(most) };
  }
  if (low > 0) {
    const scale = scaleLog().domain([low, high]).range([...range]);
    return { at: (value) => scale(Math.max(value, low)), ticks: thin(scale.ticks(most).filter(isLeading(low, high)), most) };
  }
  // A 0 on a logarithmic axis: linear below the smallest other value.
  const least = Math.min(...all.filter((value) => value > 0), high > 0 ? high : 1);
  const scale = scaleSymlog().constant(least / 2).domain([low, high]).range([...range]);
  const powers = decades(least, high);
  return { at: (value) => scale(value), ticks: thin([0, ...powers], most) };
}

function decades(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) if (10 ** power >= low * 0.999) ticks.push(10 ** power);
  return ticks;
}

/** On a logarithmic axis of many decades only powers of ten are ticks, on one of few also 2 and 5 times those. */
function isLeading(low: number, high: number): (value: number) => boolean {
  const wide = high / low > 1000;
  return (value) => {
    const mantissa = Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
    return mantissa === 1 || (!wide && (mantissa === 2 || mantissa === 5));
  };
}

function thin(ticks: readonly number[], most: number): number[] {
  const step = Math.ceil(ticks.length / Math.max(1, most));
  return ticks.filter((_, at) => at % step === 0);
}

/** What all drawings have in common: paper, grid, axes, legend, the order of colours. */
import { html, type Content, type Markup } from '../markup.js';
import { formatTick, type Positions } from './quantity.js';
import type { Axis } from './spec.js';

/** For which width a plot is drawn: each plot is there twice, and the page's style shows the one that fits. */
export interface Paper {
  readonly name: 'wide' | 'narrow';
  readonly width: number;
}

/** Both. Drawn in px of the screen they are for, so that text has one size on all. */
export const PAPERS: readonly Paper[] = [
  { name: 'wide', width: 760 },
  { name: 'narrow', width: 358 },
];

/** Width of a character of small text, px, about. */
export const CHARACTER = 6.3;

/** Colours are classes `s0` to `s7`; the same name has the same one in every plot of a page. */
const FIXED: Readonly<Record<string, number>> = { 'sync-uffd': 0, 'sync-exit': 1, 'apf-kernel': 2, 'apf-user': 3, 'apf-exitless': 4 };
const COLOURS = 8;

/** Colours of parts, classes `p0` on; the last is for what is left over. */
export const PART_COLOURS = 13;

/** The colour classes of names: those of delivery modes are fixed, others come in their order. */
export function coloursOf(names: readonly string[]): (name: string) => string {
  const others = names.filter((name) => !(name in FIXED));
  const shift = others.length === names.length ? 0 : Object.keys(FIXED).length;
  return (name) => `s${(FIXED[name] ?? shift + others.indexOf(name)) % COLOURS}`;
}

/** One plot's drawing. `about` is what a screen reader says. */
export function drawing(paper: Paper, height: number, about: string, content: Content): Markup {
  return html`<svg class="${paper.name}" viewBox="0 0 ${paper.width} ${n(height)}" width="${paper.width}" height="${n(height)}" role="img" aria-label="${about}">${content}</svg>`;
}

/** A coordinate: a tenth of a px is enough. */
export function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** A frame of plot area. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Axis at the bottom, with lines through the plot. `labels` in place of the ticks' numbers. */
export function bottomAxis(area: Area, axis: Axis, x: Positions, labels?: (value: number) => string): Markup {
  const text = labels ?? ((value: number): string => formatTick(value, axis.quantity));
  return html`${shown(x.ticks, x, text).map(
    (tick) => html`<line class="grid" x1="${n(x.at(tick))}" x2="${n(x.at(tick))}" y1="${n(area.top)}" y2="${n(area.bottom)}"/><text class="tick" x="${n(x.at(tick))}" y="${n(area.bottom + 15)}" text-anchor="middle">${text(tick)}</text>`,
  )}<text class="axis" x="${n(area.right)}" y="${n(area.bottom + 31)}" text-anchor="end">${axis.label}</text>`;
}

/** Axis on the left. */
export function leftAxis(area: Area, axis: Axis, y: Positions): Markup {
  return html`${y.ticks.map(
    (tick) => html`<line class="grid" x1="${n(area.left)}" x2="${n(area.right)}" y1="${n(y.at(tick))}" y2="${n(y.at(tick))}"/><text class="tick" x="${n(area.left - 6)}" y="${n(y.at(tick) + 3.5)}" text-anchor="end">${formatTick(tick, axis.quantity)}</text>`,
  )}<text class="axis" x="${n(4)}" y="${n(area.top - 9)}">${axis.label}</text>`;
}

/** Ticks whose labels do not run into each other. */
function shown(ticks: readonly number[], x: Positions, text: (value: number) => string): number[] {
  const kept: number[] = [];
  let free = -Infinity;
  for (const tick of [...ticks].sort((a, b) => x.at(a) - x.at(b))) {
    const half = (text(tick).length * CHARACTER) / 2 + 3;
    if (x.at(tick) - half < free) continue;
    kept.push(tick);
    free = x.at(tick) + half;
  }
  return kept;
}

/** Room that the longest of these texts takes, px. */
export function widthOf(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => text.length)) * CHARACTER;
}

/** A legend, in HTML above the drawing so that it wraps. */
export function legend(entries: readonly { readonly className: string; readonly label: string }[]): Markup {
  return html`<ul class="legend">${entries.map(({ className, label }) => html`<li><i class="${className}"></i>${label}</li>`)}</ul>`;
}

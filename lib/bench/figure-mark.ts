/**
 * Tells figures of an emulated host from all others. Whatever shows figures (table, comparison, plot) shows its names of rows, columns and
 * axes through a mark, and the mark's note beside them.
 */
import type { Host } from '../kvm/index.js';
import type { FigureUnit } from './figures.js';

/** How the figures of a host are to be shown. */
export interface FigureMark {
  /** The name of a figure, with the mark where it depends on time: counts are right on any host. */
  label(name: string, unit: FigureUnit): string;
  /** What the mark means, one sentence to stand beside the figures; null where nothing is marked. */
  readonly note: string | null;
}

const PLAIN: FigureMark = { label: (name) => name, note: null };

const EMULATED: FigureMark = {
  label: (name, unit) => (unit === 'count' ? name : `${name} *`),
  note: '* EMULATED HOST: its CPU is made by software, so this time, rate or share says nothing about any real host',
};

/** The mark for figures of a host, or of several of which one is emulated. */
export function figureMark({ emulated }: Pick<Host, 'emulated'>): FigureMark {
  return emulated ? EMULATED : PLAIN;
}

/** What a kernel does otherwise than the one that was measured before on the same kind of host. */
import { ACCESS_KINDS, SITUATIONS } from './failing-access.js';
import type { OutcomeRow } from './outcome-rows.js';

/** An outcome that differs: of one kind of memory at one privilege level, for the accesses that are named. */
export interface OutcomeChange extends Omit<OutcomeRow, 'outcome'> {
  /** null where it was not tried. */
  readonly was: string | null;
  /** null where it was not tried now. */
  readonly is: string | null;
}

type Cells = Map<string, { readonly place: Omit<OutcomeRow, 'outcome'>; readonly outcome: string }>;

/** Changes from `before` to `now`, each named once; empty where nothing changed. */
export function compareOutcomes(before: readonly OutcomeRow[], now: readonly OutcomeRow[]): OutcomeChange[] {
  const was = cellsOf(before);
  const is = cellsOf(now);
  const changes = new Map<string, OutcomeChange>();
  for (const key of new Set([...was.keys(), ...is.keys()])) {
    const [a, b] = [was.get(key), is.get(key)];
    const place = a?.place ?? b?.place;
    if (place === undefined || a?.outcome === b?.outcome) continue;
    const change: OutcomeChange = { ...place, was: a?.outcome ?? null, is: b?.outcome ?? null };
    const group = [change.memory, change.cpl, change.was, change.is].join('/');
    const known = changes.get(group);
    changes.set(group, known === undefined ? change : { ...known, asyncPageFaults: merge(known.asyncPageFaults, change.asyncPageFaults), access: merge(known.access, change.access) });
  }
  return [...changes.values()];
}

/** A change in one line: `truncated, CPL3, APF on, load: was "...", is "..."`. */
export function describeChange({ memory, cpl, asyncPageFaults, access, was, is }: OutcomeChange): string {
  const quoted = (text: string | null): string => (text === null ? 'not tried' : `"${text}"`);
  return `${memory}, CPL${cpl}, ${asyncPageFaults}, ${access}: was ${quoted(was)}, is ${quoted(is)}`;
}

function cellsOf(rows: readonly OutcomeRow[]): Cells {
  const cells: Cells = new Map();
  for (const { memory, cpl, asyncPageFaults, access, outcome } of rows) {
    for (const situation of expand(asyncPageFaults, Object.keys(SITUATIONS))) {
      for (const kind of expand(access, ACCESS_KINDS)) {
        cells.set([memory, cpl, situation, kind].join('/'), { place: { memory, cpl, asyncPageFaults: situation, access: kind }, outcome });
      }
    }
  }
  return cells;
}

function expand(list: string, all: readonly string[]): readonly string[] {
  return list === 'all' ? all : list.split(', ');
}

function merge(list: string, another: string): string {
  return list.split(', ').includes(another) ? list : `${list}, ${another}`;
}

/** The figures of a mode's report: one list for the table, for comparisons and for plots. docs/REPORT.md says what each one means. */
import type { TrapInstruction } from '../guest/index.js';
import { formatDuration } from './duration.js';
import type { ModeReport } from './report.js';

/**
 * What a figure is counted in. `count`: a number of events or pages, right on every host. All others depend on time: `ns`, `per second`,
 * `share` (a fraction of a time or of a rate, 1 = all of it) and `change` (a relative difference of two rates, 0 = none).
 */
export type FigureUnit = 'count' | 'ns' | 'per second' | 'share' | 'change';

/** Counters that only a policy or a proposal moves. */
export const PROPOSAL_COUNTERS = ['choseSync', 'spuriousPairs', 'accepted', 'autoCompleted', 'exitless', 'ringFull', 'halts'] as const;
/** One of {@link PROPOSAL_COUNTERS}. */
export type ProposalCounter = (typeof PROPOSAL_COUNTERS)[number];

/** The part of a {@link ModeReport} that figures are read from. */
export interface FigureSource extends Pick<ModeReport, 'pages' | 'pagesPerSecond'> {
  readonly latency: Pick<NonNullable<ModeReport['latency']>, 'p50Ns' | 'p90Ns' | 'p99Ns' | 'maxNs'> | null;
  readonly work: Pick<ModeReport['work'], 'relative' | 'guestKernelShare' | 'controlDrift'>;
  readonly guestKernel: Pick<ModeReport['guestKernel'], 'notPresentNs' | 'readyNs' | 'tickNs' | 'entryExitNs'>;
  readonly trap: { readonly used: TrapInstruction | null; readonly by: Readonly<Record<TrapInstruction, { readonly nullTrapNs: number | null }>> };
  readonly exits: Pick<ModeReport['exits'], 'exits' | 'faultExits' | 'msrExits' | ProposalCounter>;
  readonly events: Pick<ModeReport['events'], 'notPresent' | 'ready' | 'spurious'>;
}

/** One figure: how it is called, what it is counted in, where it comes from. */
export interface Figure {
  /** Indented by two spaces when it is a part of the figure before it. */
  readonly label: string;
  readonly unit: FigureUnit;
  /** Null where there was nothing to measure. */
  readonly value: (mode: FigureSource) => number | null;
}

/** Every figure by its name in JSON, in the order in which tables show them. */
export const FIGURES = {
  pages: { label: 'pages', unit: 'count', value: (mode) => mode.pages },
  pagesPerSecond: { label: 'pages/s', unit: 'per second', value: (mode) => mode.pagesPerSecond },
  latencyP50Ns: { label: 'fault latency p50', unit: 'ns', value: (mode) => mode.latency?.p50Ns ?? null },
  latencyP90Ns: { label: 'fault latency p90', unit: 'ns', value: (mode) => mode.latency?.p90Ns ?? null },
  latencyP99Ns: { label: 'fault latency p99', unit: 'ns', value: (mode) => mode.latency?.p99Ns ?? null },
  latencyMaxNs: { label: 'fault latency max', unit: 'ns', value: (mode) => mode.latency?.maxNs ?? null },
  workRelative: { label: 'work vs control', unit: 'share', value: (mode) => mode.work.relative },
  workLost: { label: 'work lost', unit: 'share', value: (mode) => (mode.work.relative === null ? null : Math.max(0, 1 - mode.work.relative)) },
  guestKernelShare: { label: 'guest kernel time', unit: 'share', value: (mode) => mode.work.guestKernelShare },
  notPresentNs: { label: '  not-present handler', unit: 'ns', value: (mode) => mode.guestKernel.notPresentNs },
  readyNs: { label: '  ready handler', unit: 'ns', value: (mode) => mode.guestKernel.readyNs },
  tickNs: { label: '  tick handler', unit: 'ns', value: (mode) => mode.guestKernel.tickNs },
  entryExitNs: { label: '  way in and out', unit: 'ns', value: (mode) => mode.guestKernel.entryExitNs },
  nullTrapNs: { label: 'null trap', unit: 'ns', value: ({ trap }) => (trap.used === null ? null : trap.by[trap.used].nullTrapNs) },
  controlDrift: { label: 'control drift', unit: 'change', value: (mode) => (mode.work.controlDrift === null ? null : mode.work.controlDrift - 1) },
  exits: { label: 'KVM_RUN exits', unit: 'count', value: (mode) => mode.exits.exits },
  faultExits: { label: '  with EFAULT', unit: 'count', value: (mode) => mode.exits.faultExits },
  msrExits: { label: '  for an MSR', unit: 'count', value: (mode) => mode.exits.msrExits },
  notPresent: { label: 'not-present events', unit: 'count', value: (mode) => mode.events.notPresent },
  ready: { label: 'ready events', unit: 'count', value: (mode) => mode.events.ready },
  choseSync: { label: 'waits by policy', unit: 'count', value: (mode) => mode.exits.choseSync },
  spuriousPairs: { label: '  told in vain', unit: 'count', value: (mode) => mode.exits.spuriousPairs },
  accepted: { label: 'exits left to the guest', unit: 'count', value: (mode) => mode.exits.accepted },
  autoCompleted: { label: 'completed by re-entry', unit: 'count', value: (mode) => mode.exits.autoCompleted },
  exitless: { label: 'faults without an exit', unit: 'count', value: (mode) => mode.exits.exitless },
  ringFull: { label: '  ring was full', unit: 'count', value: (mode) => mode.exits.ringFull },
  halts: { label: 'synthetic halts', unit: 'count', value: (mode) => mode.exits.halts },
  spurious: { label: 'spurious events', unit: 'count', value: (mode) => mode.events.spurious },
} as const satisfies Readonly<Record<string, Figure>>;

/** The name of a figure in JSON. */
export type FigureName = keyof typeof FIGURES;

/** {@link FigureName}s in table order. */
export const FIGURE_NAMES = Object.keys(FIGURES) as readonly FigureName[];

const NOTHING = '-';

/** A figure for people, with its unit; `-` where there was nothing to measure. */
export function formatFigure(value: number | null, unit: FigureUnit): string {
  if (value === null) return NOTHING;
  switch (unit) {
    case 'count':
    case 'per second':
      return formatCount(value);
    case 'ns':
      return formatDuration(value);
    case 'share':
      return `${(value * 100).toFixed(1)} %`;
    case 'change':
      return `${value < 0 ? '' : '+'}${(value * 100).toFixed(1)} %`;
  }
}

/** A whole number with its thousands set apart. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

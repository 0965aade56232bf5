/** Generations of the protocol by which a host tells a guest that a page is not there, and that it is again. */

/** `apf-2010`: both events by #PF. `apf-2020`: ready by interrupt. `ve`: not-present by #VE with its information area, ready as in 2020. */
export type GenerationId = 'apf-2010' | 'apf-2020' | 've';

/** The two events of the protocol. */
export type Half = 'not-present' | 'ready';

/** What disturbs the handler of an event, before its first instruction. */
export type Disturbance =
  /** Nothing: the control. */
  | 'none'
  /** An NMI whose handler touches user memory that the guest has not mapped. */
  | 'fault-in-nmi'
  /** The same, and the NMI handler saves and restores CR2. */
  | 'fault-in-nmi-cr2-saved'
  /** An NMI whose handler touches another page that the host has lost. */
  | 'lost-page-in-nmi'
  /** The same, with a host that does not look at the busy word. */
  | 'lost-page-in-nmi-busy-ignored';

/** One scenario. */
export interface HistoryCase {
  readonly generation: GenerationId;
  /** Whose handler is disturbed; the other half runs undisturbed. */
  readonly half: Half;
  readonly disturbance: Disturbance;
}

/** In words. */
export const DISTURBANCES: Readonly<Record<Disturbance, string>> = {
  none: 'nothing',
  'fault-in-nmi': 'NMI, whose handler takes a page fault',
  'fault-in-nmi-cr2-saved': 'the same, the NMI handler saves CR2',
  'lost-page-in-nmi': 'NMI, whose handler touches a second lost page',
  'lost-page-in-nmi-busy-ignored': 'the same, and the host ignores the busy word',
};

const of = (generation: GenerationId, half: Half, ...disturbances: readonly Disturbance[]): HistoryCase[] => disturbances.map((disturbance) => ({ generation, half, disturbance }));

/** All scenarios, in the order in which the history went. */
export const HISTORY_CASES: readonly HistoryCase[] = [
  ...of('apf-2010', 'not-present', 'none', 'fault-in-nmi', 'fault-in-nmi-cr2-saved'),
  ...of('apf-2010', 'ready', 'fault-in-nmi', 'fault-in-nmi-cr2-saved'),
  ...of('apf-2020', 'not-present', 'none', 'fault-in-nmi', 'fault-in-nmi-cr2-saved'),
  ...of('apf-2020', 'ready', 'fault-in-nmi', 'fault-in-nmi-cr2-saved'),
  ...of('ve', 'not-present', 'none', 'fault-in-nmi', 'lost-page-in-nmi', 'lost-page-in-nmi-busy-ignored'),
  ...of('ve', 'ready', 'fault-in-nmi'),
];

/** `apf-2010, not-present: NMI, ...`. */
export function describeCase({ generation, half, disturbance }: HistoryCase): string {
  return `${generation}, ${half}: ${DISTURBANCES[disturbance]}`;
}

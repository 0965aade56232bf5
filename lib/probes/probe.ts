/** What a probe is and what it yields. */
import type { Kvm } from '../kvm/index.js';
import type { HelperThread } from './helper/index.js';

/** What a probe found out: an answer to be compared between hosts, or why there is none. `detail` is for people, and may differ from run to run. */
export type Finding = { readonly answer: string; readonly detail?: string } | { readonly cannot: string };

/** What a probe works with. */
export interface ProbeContext {
  /** Opened at the first use. Throws FaultLabError where there is no KVM. */
  readonly kvm: Kvm;
  /** A second thread, started at the first use. */
  readonly helper: () => Promise<HelperThread>;
}

/** One experiment. What `find` throws becomes a `cannot`. */
export interface Probe {
  /** Stable, for programs: `cpl3-int3-dpl0`. Unique in the catalogue. */
  readonly id: string;
  /** For people; unique in its group. */
  readonly title: string;
  readonly find: (context: ProbeContext) => Finding | Promise<Finding>;
}

/** Probes of one idea, in the order in which they are shown. */
export interface ProbeGroup {
  readonly id: string;
  readonly title: string;
  readonly probes: readonly Probe[];
}

/** A fact about a host: a probe's finding with its name. Plain data: reports hold it as it is. */
export type Fact = { readonly id: string; readonly group: string; readonly title: string } & Finding;

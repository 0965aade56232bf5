/** A uAPI profile: what a proposal adds to KVM, as data, and its semantics as a model. */
import type { CapabilityName } from '../capabilities.js';
import type { StructLayout } from '../layout.js';
import type { ModelShape } from './model-shape.js';
import type { ProposalModel } from './proposal-model.js';

/** The profiles, by the names that `--uapi` takes. */
export const UAPI_NAMES = ['stock', 'userfault', 'async-pf-user-2024', 'async-pf-userfault-2026', 'sync-async-2bit'] as const;

/** Name of a profile. */
export type UapiName = (typeof UAPI_NAMES)[number];

/** True for the name of a profile. */
export function isUapiName(name: string): name is UapiName {
  return (UAPI_NAMES as readonly string[]).includes(name);
}

/** Where a proposal comes from. */
export interface UapiOrigin {
  readonly author: string;
  /** Title of the series or patch. */
  readonly title: string;
  /** When it was posted or last changed, ISO date. */
  readonly date: string;
  /** What became of it. */
  readonly status: string;
}

/** A capability of a proposal. Its number moves with every rebase: this one is of the tree named, and can be overridden. */
export interface UapiCapability {
  /** Without KVM_CAP_. */
  readonly name: string;
  /** As `--cap NAME=NUMBER` takes it. */
  readonly option: string;
  readonly number: number;
  /** Where that number was seen. */
  readonly seenIn: string;
  /** Other numbers that it had, each with where. */
  readonly alsoSeen?: Readonly<Record<number, string>>;
  /** The merged capability that has this number now: a kernel that says yes to it has said nothing about the proposal. */
  readonly knownClash?: CapabilityName;
}

/**
 * Where the effect of a rule shows: `exit` in what KVM_RUN returns, `errno` in what an ioctl returns, `guest` in what the guest sees (events, MSRs,
 * progress), `ring` in a shared page or an eventfd, `kernel-only` nowhere outside KVM, or only in time and memory.
 */
export type RuleObservable = 'exit' | 'errno' | 'guest' | 'ring' | 'kernel-only';

/** Something that a kernel with the proposal must do: one sentence, and the case of the conformance suite that holds it to it has the same id. */
export interface UapiRule {
  /** `uf-07`: stable, unique over all profiles. */
  readonly id: string;
  readonly sentence: string;
  /** Where it is said or seen: the series' title and place, or a function of the kernel. */
  readonly source: string;
  readonly observable: RuleObservable;
  /** For `kernel-only`: why nothing outside KVM shows it; the suite skips its case with this reason. */
  readonly unseenBecause?: string;
}

/** A profile. */
export interface UapiProfile {
  readonly name: UapiName;
  /** One sentence for people. */
  readonly summary: string;
  readonly origin: UapiOrigin;
  /** In the order of what needs what; empty where nothing is added to a stock kernel. */
  readonly capabilities: readonly UapiCapability[];
  /** Structures that the proposal adds or changes. */
  readonly layouts: readonly StructLayout[];
  /** Requests that the proposal adds. */
  readonly ioctls: Readonly<Record<string, number>>;
  /** Constants by their C names. */
  readonly constants: Readonly<Record<string, number>>;
  readonly rules: readonly UapiRule[];
  /** What an emulation on a stock kernel cannot show, a sentence each; reports repeat them. */
  readonly notReproduced: readonly string[];
  /** A model in new words, or over the state that others hold; `sharedPages` for a proposal with rings, one a vCPU. */
  readonly createModel: (shape: ModelShape, words?: Int32Array, sharedPages?: readonly Int32Array[]) => ProposalModel;
}

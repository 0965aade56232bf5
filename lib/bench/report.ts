/** A bench's report: plain data, the same in memory and as JSON. Units are in the names. */
import type { Host } from '../kvm/index.js';
import type { Counters, DeliveryMode, ResolverCounter, RunEnd, ThreadPlacement, VcpuCounter } from '../machine/index.js';
import type { FaultAccount } from './account/index.js';
import type { EventCheck, IntegrityCheck } from './checks.js';
import type { KernelCost, WorkCost } from './cost.js';
import type { LatencySummary } from './latency.js';
import type { Repetitions } from './repetitions.js';
import type { BenchSettings } from './settings.js';
import type { GridPoint, SweptParameter } from './sweep.js';
import type { TrapSummary } from './trap.js';

/** Raised when a field changes its meaning or goes away. */
export const REPORT_VERSION = 4;

/** What was asked for. Of a swept parameter, its first value. */
export interface BenchParameters extends BenchSettings {
  /** Path of the image, or that it was made for this run. */
  readonly image: string;
  readonly imageMade: boolean;
  readonly imageSizeBytes: number;
  /** Pages that were to be visited. */
  readonly pages: number;
}

/** Why a run broke. */
export interface RunFailure {
  readonly code: string;
  readonly message: string;
}

/**
 * What one row of a workload did at one point of the sweep: a delivery mode, or a variant of one. Where it ran several times, `latency` is over all runs, and
 * everything else is of one run: the first that did not pass, or else the one in the middle by the figure of {@link Repetitions.decidedBy}.
 */
export interface ModeReport {
  /** Of the row, distinct at each point: the mode's own, or the variant's. */
  readonly name: string;
  readonly mode: DeliveryMode;
  /** Values of the swept parameters; none where nothing was swept. */
  readonly point: GridPoint;
  /** `emulated`: this VMM made the interface out of others. */
  readonly implementation: 'native' | 'emulated';
  readonly end: RunEnd;
  /** Null unless `end` is `failed`. */
  readonly failure: RunFailure | null;
  /** Where the machine's threads ran. */
  readonly placement: readonly ThreadPlacement[];
  /** True when the run went to its end, every byte was right and all counts agree. */
  readonly passed: boolean;
  /** Pages visited. */
  readonly pages: number;
  readonly pagingSeconds: number;
  readonly pagesPerSecond: number;
  /** `pagesPerSecond` / vCPUs. */
  readonly pagesPerSecondPerVcpu: number;
  /** First access to a page, as the guest saw it; null when no page was visited. */
  readonly latency: LatencySummary | null;
  /** Where that time went; null where it was not asked for, or nothing is known of it (interfaces that a proposal makes, runs without faults). */
  readonly account: FaultAccount | null;
  readonly work: WorkCost;
  readonly guestKernel: KernelCost;
  readonly trap: TrapSummary;
  readonly events: {
    readonly notPresent: number;
    readonly ready: number;
    readonly wakeAll: number;
    /** Ready events that came before their not-present event. */
    readonly earlyReady: number;
    /** Events that told nothing: ready without a token, exits and messages for pages already there. */
    readonly spurious: number;
    /** Times a vCPU entered HLT because no task could run. */
    readonly idle: number;
    readonly checks: readonly EventCheck[];
  };
  readonly exits: Counters<VcpuCounter>;
  readonly resolver: Counters<ResolverCounter>;
  readonly integrity: IntegrityCheck;
  readonly repetitions: Repetitions;
}

/** How often each row was to run. */
export interface RepetitionPlan {
  /** Runs of each row; `auto`: until the interval of its figure is narrow enough. */
  readonly asked: number | 'auto';
  /** Half the width of the 95 % interval / the median, below which `auto` ends; null without `auto`. */
  readonly confidenceShare: number | null;
  /** What the bench may take in all; null: no limit. */
  readonly budgetNs: number | null;
}

/** All rows of one bench at all points of its sweep, point by point. */
export interface BenchReport {
  readonly reportVersion: number;
  readonly tool: { readonly name: 'kvm-faultlab'; readonly version: string; readonly node: string };
  readonly startedAt: string;
  /** From the first machine to the last one's end. */
  readonly elapsedNs: number;
  readonly host: Host;
  readonly parameters: BenchParameters;
  /** What was swept, the slowest to change first; empty for no sweep. */
  readonly swept: readonly SweptParameter[];
  readonly repetition: RepetitionPlan;
  readonly modes: readonly ModeReport[];
  /** What the emulation of the profile cannot show, a sentence each; none for a stock kernel's own interfaces, and where the kernel has the profile. */
  readonly notReproduced: readonly string[];
  /** True when the user ended it before all modes were done. */
  readonly interrupted: boolean;
  /** True when the budget ended it before all that was asked for was done. */
  readonly budgetSpent: boolean;
  /** True when everything asked for ran to its end and passed. */
  readonly passed: boolean;
}

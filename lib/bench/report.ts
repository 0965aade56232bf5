/** A bench's report: plain data, the same in memory and as JSON. Units are in the names. */
import type { Host } from '../kvm/index.js';
import type { Counters, DeliveryMode, ResolverCounter, VcpuCounter } from '../machine/index.js';
import type { EventCheck, IntegrityCheck } from './checks.js';
import type { KernelCost, WorkCost } from './cost.js';
import type { LatencySummary } from './latency.js';
import type { BenchSettings } from './settings.js';
import type { TrapSummary } from './trap.js';

/** Raised when a field changes its meaning or goes away. */
export const REPORT_VERSION = 3;

/** What was asked for. */
export interface BenchParameters extends BenchSettings {
  /** Path of the image, or that it was made for this run. */
  readonly image: string;
  readonly imageMade: boolean;
  readonly imageSizeBytes: number;
  /** Pages that were to be visited. */
  readonly pages: number;
}

/** What one mode did. */
export interface ModeReport {
  readonly mode: DeliveryMode;
  /** `emulated`: this VMM made the interface out of others. */
  readonly implementation: 'native' | 'emulated';
  readonly end: 'done' | 'stopped';
  /** True when the run went to its end, every byte was right and all counts agree. */
  readonly passed: boolean;
  /** Pages visited. */
  readonly pages: number;
  readonly pagingSeconds: number;
  readonly pagesPerSecond: number;
  /** First access to a page, as the guest saw it; null when no page was visited. */
  readonly latency: LatencySummary | null;
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
}

/** All modes of one bench. */
export interface BenchReport {
  readonly reportVersion: number;
  readonly tool: { readonly name: 'kvm-faultlab'; readonly version: string; readonly node: string };
  readonly startedAt: string;
  readonly host: Host;
  readonly parameters: BenchParameters;
  readonly modes: readonly ModeReport[];
  /** What the emulation of the profile cannot show, a sentence each; none for a stock kernel's own interfaces, and where the kernel has the profile. */
  readonly notReproduced: readonly string[];
  /** True when the user ended it before all modes were done. */
  readonly interrupted: boolean;
  /** True when every mode asked for ran to its end and passed. */
  readonly passed: boolean;
}

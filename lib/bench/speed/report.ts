/** What `speed` came to: plain data, the same in memory and as JSON. Units are in the names. */
import type { Host } from '../../kvm/index.js';
import type { SpeedFigure } from './figures.js';
import type { LoopRatio } from './ratios.js';
import type { SideOptions } from './sides.js';
import type { VcpuTime } from './work-kept.js';

/** Raised when a field changes its meaning or goes away. */
export const SPEED_REPORT_VERSION = 1;

/** See the module's comment. */
export interface SpeedReport {
  readonly speedVersion: number;
  readonly tool: { readonly name: 'kvm-faultlab'; readonly version: string; readonly node: string };
  readonly startedAt: string;
  readonly host: Host;
  /** Load averages when it began and when it ended (1 minute): how quiet the host was. */
  readonly loadAverage: readonly [number, number];
  /** CPUs that the threads of both sides were bound to; null where the process has but one. */
  readonly cpus: SideOptions['cpus'];
  readonly parameters: { readonly rounds: number; readonly faults: number; readonly mostPages: number; readonly tickNs: number; readonly seed: number };
  readonly figures: readonly SpeedFigure[];
  /** Every run of the loops that both sides ran. */
  readonly loops: readonly LoopRatio[];
  /** Where the vCPU's time went under the loads of the figures of work. */
  readonly vcpuTimes: readonly VcpuTime[];
  /** True when the user ended it before all was measured. */
  readonly interrupted: boolean;
}

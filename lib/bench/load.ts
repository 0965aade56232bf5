/** From settings to what a machine is made of. */
import { FaultLabError } from '../errors/index.js';
import type { CapabilityNumbers } from '../kvm/index.js';
import type { Contents } from './contents.js';
import { requireMemory } from './image.js';
import { parseLatencyModel } from './latency-option.js';
import { parsePin, placeThreads } from './placement.js';
import { parsePolicy } from './policy-option.js';
import { visitingOrder } from './random.js';
import type { MachineLoad } from './run-mode.js';
import type { BenchSettings } from './settings.js';
import { readTrace } from './trace-file.js';
import { WORKLOADS, workingSetPages, type WorkloadRow } from './workloads/index.js';

/** What a load has besides its settings. */
export interface LoadExtras {
  /** Pages to visit; as many as the workload wants where left out. */
  readonly pages?: number;
  readonly capabilities?: CapabilityNumbers;
  readonly emulate?: boolean;
  readonly guestPath?: string;
  readonly recordRequests?: boolean;
  /** Threads keep time stamps. */
  readonly account?: boolean;
}

/** The part of a {@link MachineLoad} that all rows of a point share, and what they make of it. */
export class PointLoad {
  private constructor(
    private readonly settings: BenchSettings,
    private readonly common: Omit<MachineLoad, 'source'>,
    private readonly contents: Contents,
    private readonly cpus: readonly number[] | null,
  ) {}

  /**
   * Chooses the pages and sums them.
   * @throws FaultLabError `BAD_OPTION`, `IMAGE_*`, `TRACE_*`, `NBD_*`
   */
  static async make(settings: BenchSettings, contents: Contents, extras: LoadExtras): Promise<PointLoad> {
    const order = orderOf(settings, contents.pageCount, extras.pages);
    requireMemory(order.length);
    const expected = await contents.checksums(order);
    const { latencyNs, quickShare, quickLatencyNs, seed, controlNs, tickNs } = settings;
    const common = {
      windowPages: contents.pageCount,
      order,
      expected,
      vcpus: settings.vcpus,
      faultTasks: settings.faultTasks,
      workTasks: settings.workTasks,
      uapi: settings.uapi,
      policy: parsePolicy(settings.policy),
      implementation: extras.emulate === true ? ('emulated' as const) : ('auto' as const),
      capabilities: extras.capabilities ?? {},
      latencyNs,
      latencyModel: parseLatencyModel(settings.latencyModel),
      inFlight: settings.inFlight,
      ...(quickShare === 0 ? {} : { quick: { share: quickShare, latencyNs: quickLatencyNs, seed } }),
      resolvers: settings.resolvers,
      trap: settings.trap,
      tickNs,
      controlTicks: settings.workTasks === 0 ? 0 : Math.round(controlNs / tickNs),
      ...(extras.guestPath === undefined ? {} : { guestPath: extras.guestPath }),
      recordRequests: extras.recordRequests ?? false,
      stamps: extras.account ?? false,
    };
    return new PointLoad(settings, common, contents, parsePin(settings.pin));
  }

  /** Pages that the guest visits. */
  get pages(): number {
    return this.common.order.length;
  }

  /** What a row's machines are made of. */
  forRow(row: WorkloadRow): MachineLoad {
    const resolvers = row.resolvers ?? this.settings.resolvers;
    // Fetches of all resolvers together are limited; a row with more resolvers than that has one each.
    const inFlight = this.settings.inFlight === 0 ? 0 : Math.max(this.settings.inFlight, resolvers);
    return {
      ...this.common,
      resolvers,
      inFlight,
      source: this.contents.source({ inFlight: inFlight === 0 ? 0 : Math.ceil(inFlight / resolvers) }),
      ...(row.userfaultfds === undefined ? {} : { userfaultfds: row.userfaultfds }),
      ...(row.populate === true ? { populate: true } : {}),
      ...(row.prefetch === true ? { prefetch: this.common.order } : {}),
      ...(this.cpus === null ? {} : { placement: placeThreads(this.cpus, this.settings.vcpus, resolvers) }),
    };
  }
}

function orderOf(settings: BenchSettings, pageCount: number, pages: number | undefined): Uint32Array {
  if (pages !== undefined && pages > pageCount) throw new FaultLabError('BAD_OPTION', `--pages ${pages} is more than the ${pageCount} pages of the image`);
  if (settings.trace !== null) return readTrace(settings.trace, pageCount).subarray(0, pages);
  const workload = WORKLOADS[settings.workload];
  if ('order' in workload) return workload.order(pageCount, pages ?? workingSetPages(pageCount), settings.seed);
  return visitingOrder(settings.order, pageCount, pages ?? pageCount, settings.seed);
}

/** Bounds that several parts of a machine must agree on. */
import { ASYNC_PF_PER_VCPU } from '../uapi/index.js';

/** Most resolver Workers of a machine. */
export const MAX_RESOLVERS = 16;
/** Longest latency that can be modelled: 10 s. */
export const MAX_LATENCY_NS = 10e9;

/** Shortest and longest tick of the guest's scheduler, ns. */
export const MIN_TICK_NS = 100e3;
export const MAX_TICK_NS = 1e9;

/** Room for every fault that all vCPUs together can have under way, twice over. */
export function mostRequests(vcpuCount: number): number {
  return 2 * vcpuCount * (ASYNC_PF_PER_VCPU + 1);
}

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

/** Pages side by side belong to the same resolver, so that it can fill them as one batch. */
const RESOLVER_STRIDE_SHIFT = 6;

/** Which of the resolvers a page belongs to: only that one asks its source for the page, and changes its interception. */
export function resolverOf(page: number, resolvers: number): number {
  return (page >>> RESOLVER_STRIDE_SHIFT) % resolvers;
}

/** Bounds that several parts of a machine must agree on. */
import { ASYNC_PF_PER_VCPU } from '../uapi/index.js';

/** Most resolver Workers of a machine. */
export const MAX_RESOLVERS = 16;
/** Most fetches in flight that can be asked for. */
export const MAX_IN_FLIGHT = 4096;
/** Longest latency that can be modelled: 10 s. */
export const MAX_LATENCY_NS = 10e9;

/** The supervisor starts everybody within this time, or something is broken. */
export const GO_TIMEOUT_MS = 180_000;

/** Shortest and longest tick of the guest's scheduler, ns. */
export const MIN_TICK_NS = 100e3;
export const MAX_TICK_NS = 1e9;

/**
 * Part k of a window cut into as many parts as there are resolvers: its first page, and the one after its last.
 * @param part - 0 to `parts` - 1
 */
export function windowPart(part: number, parts: number, pages: number): { readonly first: number; readonly end: number } {
  return { first: Math.floor((part * pages) / parts), end: Math.floor(((part + 1) * pages) / parts) };
}

/** What one resolver has of the fetches that all may have in flight; 0: no limit. */
export function inFlightOf(resolver: number, resolvers: number, inFlight: number): number {
  return Math.floor(inFlight / resolvers) + (resolver < inFlight % resolvers ? 1 : 0);
}

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

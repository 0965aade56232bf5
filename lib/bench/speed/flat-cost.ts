/** Whether a fault costs the same however many pages there are. */
import type { MachineResult } from '../../machine/index.js';
import { formatDuration } from '../duration.js';
import { requireMemory } from '../image.js';
import { estimate, median } from '../statistics.js';
import { judge, type SpeedFigure } from './figures.js';
import type { WorkOptions } from './work-kept.js';
import { runZeroLoad, zeroLoad } from './zero-load.js';

/** Least of {@link FlatOptions.mostPages}. */
export const LEAST_MOST_PAGES = 100_000;
/** Greatest of {@link FlatOptions.mostPages}. */
export const GREATEST_MOST_PAGES = 1_000_000;
/** Faults by which the engine has compiled the loop. */
const WARM = 10_000;
const SIZES = [1000, WARM, 100_000, 1_000_000];
/** The end of each run is compared. */
const COMPARED_FAULTS = 1000;

/** How to run. */
export interface FlatOptions extends Omit<WorkOptions, 'figures'> {
  readonly mostPages: number;
}

/**
 * Runs sync-exit without latency with one fault task, and more and more pages.
 * @throws FaultLabError what a machine throws; `SPEED_INTEGRITY`, `IMAGE_TOO_LARGE`
 */
export async function measureFlatness({ mostPages, rounds, tickNs, cpus, progress }: FlatOptions): Promise<SpeedFigure[]> {
  const sizes = [...SIZES.filter((size) => size < mostPages), mostPages];
  requireMemory(mostPages);
  const costs = new Map<number, number[]>(sizes.map((size) => [size, []]));
  const runs = Array.from({ length: rounds }, (_, turn) => (turn % 2 === 0 ? sizes : [...sizes].reverse())).flat();
  for (const [done, pages] of runs.entries()) {
    if (progress(done, runs.length, `flat, ${pages} pages`)) break;
    const placement = cpus === null ? {} : { placement: { vcpus: [[cpus.vcpu]], resolvers: [[cpus.resolver]] } };
    costs.get(pages)?.push(lastFaultNs(await runZeroLoad(zeroLoad(pages), { mode: 'sync-exit', faultTasks: 1, workTasks: 0, tickNs, ...placement })));
  }
  const few = costs.get(WARM) ?? [];
  const many = costs.get(mostPages) ?? [];
  const pairs = Math.min(few.length, many.length);
  if (pairs === 0) return [];
  const each = [...costs].filter(([, ns]) => ns.length > 0).map(([pages, ns]) => `${pages}: ${formatDuration(median(ns))}`);
  return [
    judge('flat', estimate(Array.from({ length: pairs }, (_, at) => many[at] / few[at])), [
      `sync-exit, middle one of the last ${COMPARED_FAULTS} faults by pages: ${each.join(', ')}; after ${sizes[0]} the engine has not compiled the loop, so the ratio is to ${WARM}`,
    ]),
  ];
}

function lastFaultNs({ latencyCycles, tscKhz }: MachineResult): number {
  return median(Array.from(latencyCycles.subarray(-COMPARED_FAULTS), (cycles) => (Number(cycles) / tscKhz) * 1e6));
}

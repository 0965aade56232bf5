/**
 * Tasks that fault beside tasks that work: Gleb Natapov's measurement of 2010, with which async page faults came to KVM. The figure is the work done
 * while pages are on their way.
 */
import { residentRow, type Workload } from './workload.js';

/** See the module's comment. */
export const faultAndWork: Workload = {
  summary: 'tasks that fault beside tasks that count: how much work is done while pages are on their way',
  rowsAre: 'delivery modes',
  defaults: {},
  rows: ({ settings, modes, repeated }) => [...(repeated ? [residentRow(settings)] : []), ...modes.map((mode) => ({ name: mode, mode }))],
};

/** The same over storage of two speeds: half of the pages are at hand, the others far away. */
export const twoSpeed: Workload = {
  ...faultAndWork,
  summary: 'fault-and-work over storage of two speeds: half of the pages at hand, the others far away',
  defaults: { latencyNs: 1e6, quickShare: 0.5, quickLatencyNs: 10e3 },
};

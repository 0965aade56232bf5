/** Where the time from a process's start to its first KVM_RUN goes. */
import * as v from 'valibot';
import { accountFor, type FigureAccount, type FigureAccountPart } from './figure-account.js';

const worker = v.object({ thread: v.string(), bootedNs: v.number(), loadedNs: v.number(), orderedNs: v.number(), readyNs: v.number() });

/** What `start-process` prints: times of CLOCK_MONOTONIC, ns. */
export const StartReportSchema = v.object({
  /** First KVM_RUN. */
  ns: v.number(),
  /** Node took over the process; its own part of the start was done; the program's modules were loaded; the addon was. */
  marks: v.object({ beganNs: v.number(), bootedNs: v.number(), modulesNs: v.number(), addonNs: v.number() }),
  /** MachineStartTimes. */
  machine: v.object({ calledNs: v.number(), workersNs: v.number(), partsNs: v.number(), goNs: v.number(), workers: v.array(worker) }),
});
/** See {@link StartReportSchema}. */
export type StartReport = v.InferOutput<typeof StartReportSchema>;

/**
 * The account of one pair. Phases follow each other; what Workers do while the main thread still makes the machine costs nothing, so of a Worker the part after that counts: of the one
 * that was ready last.
 * @param report - of the process with a machine
 * @param startedNs - CLOCK_MONOTONIC when its start was asked for
 * @param bareNs - what a bare `node` took to its first line
 */
export function startAccount({ ns, marks, machine }: StartReport, startedNs: number, bareNs: number): FigureAccount {
  const last = machine.workers.reduce((a, b) => (b.readyNs > a.readyNs ? b : a));
  const ends: readonly (readonly [name: string, atNs: number])[] = [
    ["the Workers' threads made", machine.workersNs],
    ['VM, guest memory and guest made, while the Workers begin', machine.partsNs],
    [`Node begins in the last Worker (${last.thread}), as far as it is later`, last.bootedNs],
    ['its modules loaded', last.loadedNs],
    ['its orders read', last.orderedNs],
    ['it opens what it needs: vCPU, policy, page source', last.readyNs],
    ['the main thread hears of it and says go', machine.goNs],
    ['the vCPU wakes up and enters KVM_RUN', ns],
  ];
  const parts: FigureAccountPart[] = [
    { name: 'Node itself, over the bare node to its first line', value: marks.bootedNs - startedNs - bareNs },
    { name: 'modules of the main thread found, compiled and run', value: marks.modulesNs - marks.bootedNs },
    { name: 'native addon loaded', value: marks.addonNs - marks.modulesNs },
  ];
  // Options are checked before the first of them: what lies between stays unexplained.
  let atNs = machine.calledNs;
  for (const [name, endNs] of ends) {
    parts.push({ name, value: Math.max(0, endNs - atNs) });
    atNs = Math.max(atNs, endNs);
  }
  return accountFor(ns - startedNs - bareNs, parts);
}

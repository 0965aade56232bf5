/** What the memory of a machine is made of. */
import * as v from 'valibot';
import { accountFor, type FigureAccount } from './figure-account.js';

/** What `memory-process` prints, bytes. */
export const MemoryReportSchema = v.object({
  /** Anonymous memory of the process. */
  bytes: v.number(),
  anonymous: v.object({ sizeBytes: v.number(), mallocBytes: v.number(), fileBytes: v.number(), stackBytes: v.number() }),
  /** What V8 has of it for the main thread's heap. */
  mainHeapBytes: v.number(),
  /** The same for all Workers together. */
  workerHeapsBytes: v.number(),
  /** Memory that threads share as words: states of pages, rings, queues, counters. */
  sharedWordsBytes: v.number(),
});
/** See {@link MemoryReportSchema}. */
export type MemoryReport = v.InferOutput<typeof MemoryReportSchema>;

/**
 * The account of one round: the machine's process beside one with as many bare Workers, and that beside one with a single bare Worker.
 */
export function memoryAccount(machine: MemoryReport, bareWorkers: MemoryReport, bareWorker: MemoryReport): FigureAccount {
  return accountFor(machine.bytes - bareWorker.bytes, [
    { name: 'a second bare Worker: the machine has two, of the vCPU and of the resolver', value: bareWorkers.bytes - bareWorker.bytes },
    { name: "JavaScript heaps of the machine's Workers, over bare ones", value: machine.workerHeapsBytes - bareWorkers.workerHeapsBytes },
    { name: 'JavaScript heap of the main thread', value: machine.mainHeapBytes - bareWorkers.mainHeapBytes },
    { name: 'malloc, by Node, V8 and the addon', value: machine.anonymous.mallocBytes - bareWorkers.anonymous.mallocBytes },
    { name: 'pages of program files that were written to', value: machine.anonymous.fileBytes - bareWorkers.anonymous.fileBytes },
    { name: 'stack of the main thread', value: machine.anonymous.stackBytes - bareWorkers.anonymous.stackBytes },
    { name: 'words that the threads share, and the bits of the pages', value: machine.sharedWordsBytes - bareWorkers.sharedWordsBytes },
  ]);
}

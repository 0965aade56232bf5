/**
 * The process whose memory is measured: with a bare Worker, with two, or with a machine of one vCPU whose guest has faulted all its pages. Guest memory is shared memory and
 * not counted: prints the anonymous resident memory and what it is for ({@link MemoryReport}). Argument: `worker`, `workers` or `machine`.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { zeroSource } from '../../faults/index.js';
import { Machine, heapSizeBytes } from '../../machine/index.js';
import { readAnonymous } from './anonymous-memory.js';
import type { MemoryReport } from './memory-account.js';

const SETTLE_MS = 200;
/** Looking leaves garbage behind, which is not the machine's. */
const LOOK_MS = 100;
const LONGEST_WAIT_MS = 20_000;
const PAGES = 256;
/** 2 s to look in. */
const CONTROL_TICKS = 500;
/** Says what its heap takes when it is asked. */
const BARE_WORKER = `
  const { parentPort } = require('node:worker_threads');
  parentPort.once('message', () => parentPort.postMessage(require('node:v8').getHeapStatistics().total_physical_size));
`;

type OwnMemory = Omit<MemoryReport, 'workerHeapsBytes' | 'sharedWordsBytes'>;

function look(): OwnMemory {
  globalThis.gc?.();
  const mainHeapBytes = heapSizeBytes();
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  if (kib === undefined) throw new Error('/proc/self/status has no line RssAnon');
  // The list of mappings is a long text: it is read, and looked at, when all else is known.
  return { bytes: Number(kib) * 1024, mainHeapBytes, anonymous: readAnonymous() };
}

async function withWorkers(count: number): Promise<MemoryReport> {
  const workers = Array.from({ length: count }, () => new Worker(BARE_WORKER, { eval: true }));
  await Promise.all(workers.map((worker) => once(worker, 'online')));
  await sleep(SETTLE_MS);
  const own = look();
  const heaps = await Promise.all(
    workers.map(async (worker) => {
      const answer = once(worker, 'message');
      worker.postMessage(null);
      return Number((await answer)[0]);
    }),
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
  return { ...own, workerHeapsBytes: heaps.reduce((sum, bytes) => sum + bytes, 0), sharedWordsBytes: 0 };
}

async function withMachine(): Promise<MemoryReport> {
  const order = Uint32Array.from({ length: PAGES }, (_, page) => page);
  const machine = await Machine.create({ mode: 'sync-exit', windowPages: PAGES, source: zeroSource(), order, faultTasks: 1, workTasks: 1, controlTicks: CONTROL_TICKS });
  try {
    const ended = machine.run();
    const endMs = performance.now() + LONGEST_WAIT_MS;
    while (machine.progress().phase !== 'control-after') {
      if (performance.now() > endMs) throw new Error(`waited ${LONGEST_WAIT_MS} ms for the guest to fault its pages`);
      await sleep(LOOK_MS);
    }
    await sleep(SETTLE_MS);
    const own = look();
    machine.stop(SETTLE_MS);
    const { heaps } = await ended;
    return { ...own, workerHeapsBytes: heaps.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), sharedWordsBytes: machine.sharedWordsBytes };
  } finally {
    await machine.close();
  }
}

async function measure(what: string | undefined): Promise<MemoryReport> {
  switch (what) {
    case 'machine':
      return await withMachine();
    case 'workers':
      return await withWorkers(2);
    case 'worker':
      return await withWorkers(1);
    default:
      throw new Error(`worker, workers or machine, and not ${String(what)}`);
  }
}

process.stdout.write(JSON.stringify(await measure(process.argv[2])));

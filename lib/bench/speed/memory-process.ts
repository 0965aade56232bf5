/**
 * The process whose memory is measured: with a bare Worker, or with a machine of one vCPU whose guest has faulted all its pages. Guest memory is shared memory and
 * not counted: prints the anonymous resident memory, bytes. Argument: `worker` or `machine`.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { zeroSource } from '../../faults/index.js';
import { Machine } from '../../machine/index.js';

const SETTLE_MS = 200;
const LONGEST_WAIT_MS = 20_000;
const PAGES = 256;
/** 2 s to look in. */
const CONTROL_TICKS = 500;

function anonymousBytes(): number {
  globalThis.gc?.();
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  if (kib === undefined) throw new Error('/proc/self/status has no line RssAnon');
  return Number(kib) * 1024;
}

async function withWorker(): Promise<number> {
  const worker = new Worker('require("node:worker_threads").parentPort.once("message", () => {})', { eval: true });
  await new Promise((resolve, reject) => worker.once('online', resolve).once('error', reject));
  await sleep(SETTLE_MS);
  const bytes = anonymousBytes();
  await worker.terminate();
  return bytes;
}

async function withMachine(): Promise<number> {
  const order = Uint32Array.from({ length: PAGES }, (_, page) => page);
  const machine = await Machine.create({ mode: 'sync-exit', windowPages: PAGES, source: zeroSource(), order, faultTasks: 1, workTasks: 1, controlTicks: CONTROL_TICKS });
  try {
    const ended = machine.run();
    const endMs = performance.now() + LONGEST_WAIT_MS;
    while (machine.progress().phase !== 'control-after') {
      if (performance.now() > endMs) throw new Error(`waited ${LONGEST_WAIT_MS} ms for the guest to fault its pages`);
      await sleep(10);
    }
    await sleep(SETTLE_MS);
    const bytes = anonymousBytes();
    machine.stop(SETTLE_MS);
    await ended;
    return bytes;
  } finally {
    await machine.close();
  }
}

process.stdout.write(JSON.stringify({ bytes: process.argv[2] === 'machine' ? await withMachine() : await withWorker() }));

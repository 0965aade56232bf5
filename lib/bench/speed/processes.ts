/** Figures of whole processes: how long until the guest runs, and what memory it takes. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { FaultLabError, describeError } from '../../errors/index.js';
import { nativeAddon } from '../../native/index.js';
import { formatDuration } from '../duration.js';
import { estimate, median } from '../statistics.js';
import { middleOf } from './figure-account.js';
import { formatSpeed, judge, type SpeedFigure } from './figures.js';
import { MemoryReportSchema, memoryAccount, type MemoryReport } from './memory-account.js';
import { StartReportSchema, startAccount } from './start-account.js';

const LONGEST_MS = 60_000;
/** Prints CLOCK_MONOTONIC at its first line, ns. */
const BARE = ['-e', 'process.stdout.write(JSON.stringify({ ns: Number(process.hrtime.bigint()) }))'];

/** How to run. */
export interface ProcessOptions {
  readonly rounds: number;
  /** Told before each process; true ends the measurement with what there is. */
  readonly progress: (done: number, total: number, what: string) => boolean;
}

/**
 * From the start of a process to its first KVM_RUN, over a bare `node`'s to its first line; pairs of both.
 * @throws FaultLabError `SPEED_PROCESS` when a process fails
 */
export async function measureStart(options: ProcessOptions): Promise<SpeedFigure[]> {
  const since = async <T extends { ns: number }>(args: readonly string[], schema: v.GenericSchema<unknown, T>): Promise<{ startedNs: number; tookNs: number; report: T }> => {
    const startedNs = nativeAddon().monotonicNs();
    const report = await run(args, schema);
    return { startedNs, tookNs: report.ns - startedNs, report };
  };
  const rounds = await inRounds(options, 'start', { bare: () => since(BARE, v.object({ ns: v.number() })), own: () => since([modulePath('start-process.js')], StartReportSchema) });
  if (rounds.length === 0) return [];
  const overNs = rounds.map(({ bare, own }) => own.tookNs - bare.tookNs);
  const { bare, own } = rounds[middleOf(overNs)];
  const typical = (side: 'bare' | 'own'): string => formatDuration(median(rounds.map((round) => round[side].tookNs)));
  const note = `to the first KVM_RUN ${typical('own')}, a bare node to its first line ${typical('bare')}`;
  return [judge('start', estimate(overNs), [note], startAccount(own.report, own.startedNs, bare.tookNs))];
}

/**
 * Anonymous memory of a process with a machine, over one with a bare Worker; rounds of both, and of one with two bare Workers.
 * @throws FaultLabError `SPEED_PROCESS` when a process fails
 */
export async function measureMemory(options: ProcessOptions): Promise<SpeedFigure[]> {
  const measure = (what: string) => async (): Promise<MemoryReport> => await run(['--expose-gc', modulePath('memory-process.js'), what], MemoryReportSchema);
  const rounds = await inRounds(options, 'memory', { bare: measure('worker'), two: measure('workers'), own: measure('machine') });
  if (rounds.length === 0) return [];
  const overBytes = rounds.map(({ bare, own }) => own.bytes - bare.bytes);
  const { bare, two, own } = rounds[middleOf(overBytes)];
  const typical = (side: 'bare' | 'own'): string => formatSpeed(median(rounds.map((round) => round[side].bytes)), 'bytes');
  const note = `a process with a machine ${typical('own')}, with a bare Worker ${typical('bare')}; the machine has two Workers, of the vCPU and of the resolver, and memory of the kernel is not counted`;
  return [judge('memory', estimate(overBytes), [note], memoryAccount(own, two, bare))];
}

/** Runs every kind once a round, in turns from either end. */
async function inRounds<T extends Record<string, unknown>>({ rounds, progress }: ProcessOptions, name: string, kinds: { readonly [K in keyof T]: () => Promise<T[K]> }): Promise<T[]> {
  const done: T[] = [];
  for (let round = 0; round < rounds && !progress(round, rounds, name); round++) {
    const results: Partial<T> = {};
    const order: (keyof T)[] = Object.keys(kinds);
    if (round % 2 === 1) order.reverse();
    for (const kind of order) results[kind] = await kinds[kind]();
    done.push(results as T);
  }
  return done;
}

function modulePath(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

async function run<T>(args: readonly string[], schema: v.GenericSchema<unknown, T>): Promise<T> {
  const stdout = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, args, { timeout: LONGEST_MS, killSignal: 'SIGKILL' }, (error, text, stderr) => {
      if (error === null) resolve(text);
      else reject(new FaultLabError('SPEED_PROCESS', `a process that was to be measured failed: ${describeError(error)} ${stderr.slice(0, 500)}`.trim(), { cause: error }));
    });
  });
  const parsed = v.safeParse(schema, parseJson(stdout));
  if (parsed.success) return parsed.output;
  throw new FaultLabError('SPEED_PROCESS', `a process that was to be measured printed something else: ${v.summarize(parsed.issues)}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Figures of whole processes: how long until the guest runs, and what memory it takes. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { FaultLabError, describeError } from '../../errors/index.js';
import { nativeAddon } from '../../native/index.js';
import { formatDuration } from '../duration.js';
import { estimate, median } from '../statistics.js';
import { formatSpeed, judge, type SpeedFigure } from './figures.js';

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
  const startNs = async (args: readonly string[]): Promise<number> => {
    const beganNs = nativeAddon().monotonicNs();
    return (await run(args, v.object({ ns: v.number() }))).ns - beganNs;
  };
  const { bare, own } = await pairs(options, 'start', () => startNs(BARE), () => startNs([modulePath('start-process.js')]));
  if (own.length === 0) return [];
  return [judge('start', estimate(own.map((ns, at) => ns - bare[at])), [`to the first KVM_RUN ${formatDuration(median(own))}, a bare node to its first line ${formatDuration(median(bare))}`])];
}

/**
 * Anonymous memory of a process with a machine, over one with a bare Worker; pairs of both.
 * @throws FaultLabError `SPEED_PROCESS` when a process fails
 */
export async function measureMemory(options: ProcessOptions): Promise<SpeedFigure[]> {
  const bytes = async (what: string): Promise<number> => (await run(['--expose-gc', modulePath('memory-process.js'), what], v.object({ bytes: v.number() }))).bytes;
  const { bare, own } = await pairs(options, 'memory', () => bytes('worker'), () => bytes('machine'));
  if (own.length === 0) return [];
  return [
    judge('memory', estimate(own.map((size, at) => size - bare[at])), [
      `a process with a machine ${formatSpeed(median(own), 'bytes')}, with a bare Worker ${formatSpeed(median(bare), 'bytes')}; the machine has two Workers, of the vCPU and of the resolver, and memory of the kernel is not counted`,
    ]),
  ];
}

async function pairs({ rounds, progress }: ProcessOptions, name: string, makeBare: () => Promise<number>, makeOwn: () => Promise<number>): Promise<{ bare: number[]; own: number[] }> {
  const bare: number[] = [];
  const own: number[] = [];
  for (let round = 0; round < rounds && !progress(round, rounds, name); round++) {
    if (round % 2 === 0) bare.push(await makeBare());
    own.push(await makeOwn());
    if (round % 2 === 1) bare.push(await makeBare());
  }
  return { bare, own };
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

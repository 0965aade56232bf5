/** Runs the C reference: arguments in, its JSON out. What it prints is checked like any other program's. */
import { execFile } from 'node:child_process';
import * as v from 'valibot';
import { FaultLabError, describeError } from '../../errors/index.js';
import type { DeliveryMode } from '../../machine/index.js';
import { referenceProgram } from '../../native/index.js';

/** Version of the reference's JSON that this code reads. */
const REFERENCE_VERSION = 1;
/** Beyond its own time limit: what its start and its end may take. */
const GRACE_SECONDS = 20;
const MOST_OUTPUT_BYTES = 2 ** 20;

const Count = v.pipe(v.number(), v.minValue(0));
const Phase = v.object({ tscCycles: Count, work: Count, kernelCycles: Count });
const ResultSchema = v.object({
  referenceVersion: v.literal(REFERENCE_VERSION),
  mode: v.string(),
  tscKhz: Count,
  guest: v.object({ pages: Count, mismatches: Count, notPresent: Count, ready: Count }),
  controlBefore: Phase,
  paging: Phase,
  controlAfter: Phase,
  vcpu: v.object({ exits: Count, doorbells: Count, msrExits: Count, faultExits: Count, spuriousFaults: Count, runNs: Count }),
  resolver: v.object({ faults: Count, pages: Count, readyDelivered: Count }),
});
const ErrorSchema = v.object({ error: v.object({ code: v.string(), message: v.string() }) });

/** What a run of the reference left behind. Times in ns, cycles of the TSC. */
export type ReferenceResult = v.InferOutput<typeof ResultSchema>;

/** What the reference is to run. Paths of files; see native/reference/options.h. */
export interface ReferenceOptions {
  readonly guest: string;
  readonly mode: DeliveryMode;
  /** Of 32-bit page indexes. */
  readonly order: string;
  readonly windowPages: number;
  readonly image?: string;
  /** Of 64-bit checksums by page. */
  readonly expected?: string;
  /** Where its guest's checksums and latencies go. */
  readonly sumsOut?: string;
  readonly latenciesOut?: string;
  readonly faultTasks?: number;
  readonly workTasks?: number;
  readonly latencyNs?: number;
  readonly tickNs?: number;
  readonly controlTicks?: number;
  readonly trapBy?: number;
  readonly vcpuCpu?: number;
  readonly resolverCpu?: number;
  readonly timeoutSeconds?: number;
}

/**
 * Runs the reference to its end.
 * @throws FaultLabError `REFERENCE_NOT_BUILT`; `REFERENCE_FAILED` with its own code and sentence, or with how it ended
 */
export async function runReference(options: ReferenceOptions): Promise<ReferenceResult> {
  const timeoutSeconds = options.timeoutSeconds ?? 60;
  const args = Object.entries({ ...options, timeoutSeconds }).flatMap(([name, value]) => [`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, String(value)]);
  const { stdout, ended } = await execute(referenceProgram(), args, (timeoutSeconds + GRACE_SECONDS) * 1e3);
  const said = parseJson(stdout);
  const failure = v.safeParse(ErrorSchema, said);
  if (failure.success) refuse(`${failure.output.error.code}: ${failure.output.error.message}`);
  if (ended !== null) refuse(ended);
  const result = v.safeParse(ResultSchema, said);
  if (!result.success) refuse(`what it printed is no result of version ${REFERENCE_VERSION}: ${v.summarize(result.issues)}`);
  return result.output;
}

function refuse(why: string): never {
  throw new FaultLabError('REFERENCE_FAILED', `the C reference of the VMM failed: ${why}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Its standard output, and why it did not end well; null when it did. */
async function execute(program: string, args: readonly string[], timeoutMs: number): Promise<{ stdout: string; ended: string | null }> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MOST_OUTPUT_BYTES }, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, ended: null });
      else resolve({ stdout, ended: typeof error.signal !== 'string' ? `${describeError(error)} ${stderr.slice(0, 200)}`.trim() : `ended by ${error.signal} after at most ${timeoutMs / 1e3} s` });
    });
  });
}

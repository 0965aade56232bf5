/**
 * Runs the probes, each in bounded time, in a process of their own. One that hangs is ended, one that crashes the process is named, and
 * the rest goes on in a new process.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { catalogue as ownCatalogue } from './catalogue.js';
import { patience } from './patience.js';
import type { Fact, Finding, ProbeGroup } from './probe.js';
import type { ProbeMessage } from './probe-process.js';

/** How to collect. */
export interface CollectOptions {
  /** A module that exports another `catalogue` than the project's. */
  readonly catalogue?: URL;
  /** How long one probe may take; 10 s where left out, 100 s on an emulated CPU. */
  readonly limitMs?: number;
}

const LIMIT_MS = 10_000;
/** From a process's start to its first probe. */
const START_LIMIT_MS = 30_000;
const STDERR_TAIL_CHARACTERS = 2000;

/** How one process ended: which probe it was at, and how it ended with it. */
interface End {
  readonly at: string | undefined;
  readonly how: string;
}

/**
 * Runs every probe of the catalogue once.
 * @returns a fact for each, in the catalogue's order, whatever became of it
 * @throws only where the module with the catalogue cannot be loaded
 */
export async function collectFacts({ catalogue, limitMs = patience(LIMIT_MS) }: CollectOptions = {}): Promise<Fact[]> {
  const url = catalogue ?? new URL('./catalogue.js', import.meta.url);
  const groups = catalogue === undefined ? ownCatalogue : ((await import(catalogue.href)) as { catalogue: readonly ProbeGroup[] }).catalogue;
  const findings = new Map<string, Finding>();
  let left = groups.flatMap((group) => group.probes.map(({ id }) => id));
  while (left.length > 0) {
    const { at, how } = await runProcess(url, left, limitMs, (id, finding) => findings.set(id, finding));
    if (at !== undefined) findings.set(at, { cannot: `the probe ${how}` });
    const unanswered = left.filter((id) => !findings.has(id));
    // A process that did not come to a single probe would not come further the next time.
    if (unanswered.length === left.length) for (const id of unanswered) findings.set(id, { cannot: `the process for probes ${how}` });
    left = unanswered.filter((id) => !findings.has(id));
  }
  return groups.flatMap((group) =>
    group.probes.map(({ id, title }): Fact => ({ id, group: group.title, title, ...(findings.get(id) ?? { cannot: 'the probe was not run' }) })),
  );
}

/** One process, until it ends. `found` is told of each finding. */
async function runProcess(catalogue: URL, ids: readonly string[], limitMs: number, found: (id: string, finding: Finding) => void): Promise<End> {
  const child = fork(fileURLToPath(new URL('./probe-process.js', import.meta.url)), [catalogue.href, ...ids], {
    // Standard output is the report's.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
  });
  let at: string | undefined;
  let late: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const allow = (ms: number, words: string): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      late = words;
      child.kill('SIGKILL');
    }, ms);
  };
  allow(patience(START_LIMIT_MS), `did not start within ${patience(START_LIMIT_MS) / 1000} s`);
  child.on('message', (message: ProbeMessage) => {
    if (late !== undefined) return;
    if (message.kind === 'started') {
      at = message.id;
      allow(limitMs, `was ended: no answer within ${limitMs / 1000} s`);
    } else {
      at = undefined;
      found(message.id, message.finding);
    }
  });
  const stderr = tailOf(child);
  const how = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`could not be started: ${error.message}`));
    child.on('close', (code, signal) => resolve(late ?? describeDeath(code, signal, stderr())));
  });
  clearTimeout(timer);
  return { at, how };
}

function tailOf({ stderr }: ChildProcess): () => string {
  let tail = '';
  stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL_CHARACTERS);
  });
  return () => tail;
}

function describeDeath(code: number | null, signal: NodeJS.Signals | null, stderr: string): string {
  const end = signal === null ? `ended its process with code ${code}` : `crashed its process (${signal})`;
  // Node prints the error's own line somewhere above the stack.
  const words = stderr.split('\n').find((line) => /^\S*Error\b/.test(line)) ?? stderr.trim().split('\n').at(-1) ?? '';
  return words === '' ? end : `${end}: ${words}`;
}

/** Another process that has nothing to do with the VMM, and changes the length of a file that is a guest's memory. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { FaultLabError } from '../../errors/index.js';

/** Opens the file for each length anew, as truncate(1) does, and so asks whoever holds a lease on it. */
const SCRIPT = `
const { truncateSync } = require('node:fs');
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  truncateSync(process.argv[1], Number(line));
  process.stdout.write(line + '\\n');
});
`;

/** So long it is waited for before anything else is done, ms: mostly it asks nobody. */
const PATIENCE_MS = 3;

/** See the module's comment. */
export class OtherProcess {
  private said = '';
  private failure: string | null = null;

  private constructor(private readonly child: ChildProcess) {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
    child.on('exit', (code, signal) => {
      this.failure = `it ended with ${signal ?? code ?? 'nothing'}`;
    });
    child.on('error', (error) => {
      this.failure = error.message;
    });
  }

  /** Starts one for a file. */
  static start(path: string): OtherProcess {
    return new OtherProcess(spawn(process.execPath, ['-e', SCRIPT, path], { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /**
   * Has it change the file's length.
   * @param meanwhile - called every few milliseconds until it has: the VMM may have to let go of the file first
   * @throws FaultLabError `TRUNCATE_FAILED` where it fails or takes longer than `limitMs`
   */
  async truncate(lengthBytes: number, limitMs: number, meanwhile: () => void): Promise<void> {
    const deadline = performance.now() + limitMs;
    this.said = '';
    this.child.stdin?.write(`${lengthBytes}\n`);
    while (this.said !== `${lengthBytes}\n`) {
      if (this.failure !== null) throw new FaultLabError('TRUNCATE_FAILED', `the process that was to truncate the file did not: ${this.failure}`);
      if (performance.now() >= deadline) throw new FaultLabError('TRUNCATE_FAILED', `the process that was to truncate the file waited for longer than ${limitMs} ms`);
      if (!(await this.answersWithin(PATIENCE_MS))) meanwhile();
    }
  }

  /** Leaves the CPU to the other one. */
  private async answersWithin(ms: number): Promise<boolean> {
    const ended = new AbortController();
    const answer = once(this.child.stdout ?? this.child, 'data', { signal: ended.signal }).then(() => true);
    const time = delay(ms, false, { signal: ended.signal });
    try {
      return await Promise.race([answer, time]);
    } finally {
      ended.abort();
      await Promise.allSettled([answer, time]);
    }
  }

  /** Ends it. */
  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null || this.failure !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}

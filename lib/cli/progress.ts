/**
 * Progress of long work on standard error, with the time that is left: a bar on a terminal, a plain line now and then elsewhere. Work that is over in two
 * seconds shows nothing.
 */
import { isatty } from 'node:tty';
import { Presets, SingleBar } from 'cli-progress';
import { Option } from 'commander';
import { formatDuration } from '../bench/index.js';
import type { Machine } from '../machine/index.js';

/** Work that takes no longer is not spoken of. */
const QUIET_MS = 2000;
/** A plain line this often. */
const LINE_EVERY_MS = 10_000;
const REFRESH_MS = 200;
const PARTS = 1000;

/** `--quiet`, for every command that shows progress. */
export function quietOption(): Option {
  return new Option('--quiet', 'no progress');
}

/** How progress is shown. */
export type ProgressKind = 'bar' | 'lines' | 'none';

/** What suits standard error. */
export function progressKind(quiet: boolean): ProgressKind {
  if (quiet) return 'none';
  return isatty(process.stderr.fd) ? 'bar' : 'lines';
}

/**
 * How long work goes on that has come so far, in words; empty where that cannot be said.
 * @param fraction - of all work that is done; null where nobody knows how much there is
 */
export function timeLeft(elapsedMs: number, fraction: number | null): string {
  if (fraction === null || !(fraction > 0)) return '';
  return `about ${formatDuration(Math.max(1, (elapsedMs * (1 - Math.min(1, fraction))) / Math.min(1, fraction)) * 1e6)} left`;
}

/** See the module's comment. One for each command that runs. */
export class Progress {
  private readonly sinceMs = performance.now();
  private lineMs = -Infinity;
  private bar: SingleBar | null = null;

  constructor(private readonly kind: ProgressKind) {}

  /**
   * Says where the work is.
   * @param what - is being done
   * @param fraction - of all work that is done; null where nobody knows how much there is
   */
  show(what: string, fraction: number | null): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.sinceMs;
    if (this.kind === 'none' || elapsedMs < QUIET_MS) return;
    const left = timeLeft(elapsedMs, fraction);
    if (this.kind === 'lines') {
      if (nowMs - this.lineMs < LINE_EVERY_MS) return;
      this.lineMs = nowMs;
      process.stderr.write(`${[`${fraction === null ? '' : `${(fraction * 100).toFixed(0)} % `}${what}`, left].filter((part) => part !== '').join(', ')}\n`);
      return;
    }
    this.bar ??= this.open();
    const room = Math.max(10, (process.stderr.columns || 80) - 40);
    this.bar.update(Math.round((fraction ?? 0) * PARTS), { what: what.length > room ? `${what.slice(0, room - 3)}...` : what, left });
  }

  /** Gives the terminal back, for something to be printed or at the end. What comes next opens it again. */
  clear(): void {
    this.bar?.stop();
    this.bar = null;
  }

  private open(): SingleBar {
    const bar = new SingleBar({ format: '{bar} {percentage} % {what} {left}', barsize: 16, stream: process.stderr, hideCursor: true, clearOnComplete: true, gracefulExit: false }, Presets.shades_classic);
    bar.start(PARTS, 0, { what: '', left: '' });
    return bar;
  }
}

/** Progress of machines that run one after the other. */
export class ProgressDisplay {
  private readonly progress: Progress;
  private timer: NodeJS.Timeout | null = null;
  private done = 0;

  /** @param runs - machines that are to run; null where nobody knows */
  constructor(
    kind: ProgressKind,
    private runs: number | null,
  ) {
    this.progress = new Progress(kind);
  }

  /** So many machines are to run. */
  expect(runs: number | null): void {
    this.runs = runs;
  }

  /** A machine begins: follows it until {@link end}. */
  begin(name: string, machine: Pick<Machine, 'progress'>): void {
    this.timer = setInterval(() => {
      const { pages, pageCount, phase } = machine.progress();
      const part = phase === 'done' || phase === 'control-after' ? 1 : pageCount === 0 ? 0 : pages / pageCount;
      const of = this.runs === null ? '' : ` of ${this.runs}`;
      this.progress.show(`run ${this.done + 1}${of}: ${name}, ${pages}/${pageCount} pages, ${phase}`, this.runs === null ? null : Math.min(1, (this.done + part) / this.runs));
    }, REFRESH_MS);
  }

  /** The machine ended, one way or another: the terminal is as before. */
  end(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.done++;
    this.progress.clear();
  }
}

/** One line on a terminal, with the time left: nothing elsewhere. */
import { formatDuration } from '../../bench/index.js';

/** Time is shown to the second, and never less than one. */
const SECOND_MS = 1000;

/** See the module's comment. */
export class PaperProgress {
  private readonly endsAtMs: number;
  private head = '';
  private shown = false;

  /** @param enabled - false shows nothing */
  constructor(
    private readonly enabled: boolean,
    budgetMs: number,
  ) {
    this.endsAtMs = performance.now() + budgetMs;
  }

  /** A part begins. */
  begin(id: string, number: number, count: number): void {
    this.head = `${number}/${count} ${id}`;
    this.show('');
  }

  /** What it is doing. */
  show(what: string): void {
    if (!this.enabled) return;
    const leftMs = Math.ceil((this.endsAtMs - performance.now()) / SECOND_MS) * SECOND_MS;
    const left = leftMs > 0 ? `about ${formatDuration(leftMs * 1e6)} left` : 'over its time, coming to an end';
    const room = Math.max(20, (process.stderr.columns || 80) - 1);
    process.stderr.write(`\r\u001b[K${`${this.head}, ${left}${what === '' ? '' : `: ${what}`}`.slice(0, room)}`);
    this.shown = true;
  }

  /** The terminal is as before. */
  clear(): void {
    if (this.shown) process.stderr.write('\r\u001b[K');
    this.shown = false;
  }
}

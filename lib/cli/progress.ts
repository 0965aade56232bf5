/** Progress of long work on standard error: a bar on a terminal, nothing elsewhere. */
import { Presets, SingleBar } from 'cli-progress';
import { formatDuration } from '../bench/index.js';
import type { DeliveryMode, Machine } from '../machine/index.js';

const REFRESH_MS = 100;

/** Shows one mode after the other. */
export class ProgressDisplay {
  private bar: SingleBar | null = null;
  private timer: NodeJS.Timeout | null = null;

  /** @param enabled - false shows nothing */
  constructor(private readonly enabled: boolean) {}

  /** A mode began: follows its machine until {@link end}. */
  begin(mode: DeliveryMode, machine: Machine): void {
    if (!this.enabled) return;
    const { pageCount } = machine.progress();
    this.bar = new SingleBar(
      { format: `${mode.padEnd(10)} {bar} {percentage}% {value}/{total} pages, {status}`, stream: process.stderr, hideCursor: true, clearOnComplete: true },
      Presets.shades_classic,
    );
    this.bar.start(pageCount, 0, { status: 'booting' });
    let pagingSinceMs: number | null = null;
    this.timer = setInterval(() => {
      const { pages, phase } = machine.progress();
      if (phase === 'paging') pagingSinceMs ??= Date.now();
      const elapsedMs = pagingSinceMs === null ? 0 : Date.now() - pagingSinceMs;
      const known = phase === 'paging' && pages > 0 && elapsedMs > 0;
      this.bar?.update(pages, { status: known ? `${formatDuration(((pageCount - pages) * elapsedMs * 1e6) / pages)} to go` : phase });
    }, REFRESH_MS);
  }

  /** The mode ended, one way or another: the terminal is as before. */
  end(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.bar?.stop();
    this.bar = null;
  }
}

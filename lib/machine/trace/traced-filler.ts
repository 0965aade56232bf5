/** A page filler that records when it works. In place of the filler itself, so that nothing is asked where nothing is recorded. */
import type { PageFiller } from '../../faults/index.js';
import { TraceKind, type TraceWriter } from './trace-writer.js';

/** See the module's comment. */
export class TracedFiller implements Pick<PageFiller, 'deliver'> {
  constructor(
    private readonly filler: Pick<PageFiller, 'deliver'>,
    private readonly trace: TraceWriter,
  ) {}

  /** {@inheritDoc PageFiller.deliver} */
  deliver(page: number, count: number): void {
    this.trace.note(TraceKind.FILL, page, count);
    this.filler.deliver(page, count);
    this.trace.note(TraceKind.FILLED, page, count);
  }
}

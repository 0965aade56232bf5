/** Ctrl-C and SIGTERM: the first asks, the second insists. */
import { ExitCode } from './exit-codes.js';

/** Whoever can be asked to end early. */
export interface Stoppable {
  stop(): void;
}

/** Listens from its making to {@link Interruption.close}. */
export class Interruption {
  private asked = false;
  private running: Stoppable | null = null;

  constructor() {
    process.on('SIGINT', this.onSignal);
    process.on('SIGTERM', this.onSignal);
  }

  /** True once a signal came. */
  get requested(): boolean {
    return this.asked;
  }

  /** What the signal is to stop from now on; stopped at once when the signal came before. Null: nothing runs. */
  follow(running: Stoppable | null): void {
    this.running = running;
    if (this.asked) running?.stop();
  }

  /** Signals have their usual effect again. */
  close(): void {
    process.off('SIGINT', this.onSignal);
    process.off('SIGTERM', this.onSignal);
  }

  private readonly onSignal = (): void => {
    if (this.asked) process.exit(ExitCode.INTERRUPTED);
    this.asked = true;
    this.running?.stop();
  };
}

/** Something that is done a piece at a time: whoever gives it a turn waits until it pauses or is over. */

/** See the module's comment. */
export class Turns<T> {
  private running: Promise<T> | null = null;
  /** Ends the pause that it is in. */
  private resume: (() => void) | null = null;
  /** Told when it pauses. */
  private paused: (() => void) | null = null;

  /** @param work - started in the first turn; awaits `pause` wherever it can wait */
  constructor(private readonly work: (pause: () => Promise<void>) => Promise<T>) {}

  /**
   * Gives it a turn.
   * @returns what it came to; null when it merely paused
   * @throws what the work throws
   */
  async next(): Promise<{ readonly value: T } | null> {
    const pausing = new Promise<null>((resolve) => {
      this.paused = () => {
        resolve(null);
      };
    });
    const { resume } = this;
    this.resume = null;
    // Work may pause before it has returned.
    if (this.running === null) this.running = this.work(() => this.pause());
    else resume?.();
    return Promise.race([this.running.then((value) => ({ value })), pausing]);
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      this.resume = resolve;
      this.paused?.();
    });
  }
}

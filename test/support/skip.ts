/** Skips with a reason that the run's summary shows. */
import runRecord from './run-record.cjs';

/** How a skip is judged. */
export interface SkipOptions {
  /**
   * True only when this host can never run the test, whatever is built or configured: a Node release without a function, no userfaultfd
   * minor mode in the kernel, no NPT under this KVM. In CI every other skip fails the run.
   */
  readonly hostCannot?: boolean;
}

/**
 * Skips the running test; in a `before` hook, every test of its suite. Use it in place of `this.skip()`, which gives no reason and so
 * always fails a run in CI.
 * @param context mocha's `this`
 * @param reason what is missing, as a sentence's middle: "KVM_CAP_ASYNC_PF_INT is 0 here"
 * @param options how the skip is judged
 * @throws mocha's own exception, always
 */
export function skip(context: Mocha.Context, reason: string, { hostCannot = false }: SkipOptions = {}): never {
  const runnable = context.runnable();
  const { title } = runnable;
  const skipped = title.startsWith('"before all" hook') ? runnable.parent : title.startsWith('"before each" hook') ? context.currentTest : runnable;
  if (skipped !== undefined) runRecord.noteSkip(skipped, { reason, hostCannot });
  return context.skip();
}

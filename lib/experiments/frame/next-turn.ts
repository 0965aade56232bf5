/** Guests run on the experiment's own thread: what the process was told meanwhile, Ctrl-C above all, is noticed in between only. */

/** Lets the event loop have a turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

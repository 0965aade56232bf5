/** Waits with an end. */
import { FaultLabError } from '../errors/index.js';

/**
 * True when `promise` settles within `timeoutMs`.
 * @throws whatever it rejects with
 */
export async function settlesWithin(timeoutMs: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * `promise`, or an error that says what was waited for.
 * @throws FaultLabError with `code`, and whatever `promise` rejects with
 */
export async function within<T>(timeoutMs: number, code: string, what: string, promise: Promise<T>): Promise<T> {
  if (await settlesWithin(timeoutMs, promise)) return promise;
  throw new FaultLabError(code, `waited ${timeoutMs / 1000} s for ${what}`);
}

/** Assertions on coded errors. */
import assert from 'node:assert/strict';

/** An error as the addon throws it. */
export interface CodedError extends Error {
  readonly code: string;
  readonly errno?: number;
  readonly syscall?: string;
  readonly offset?: number;
}

/** Runs `call`, which must throw an Error with this `code`, and returns it. */
export function throwsCode(code: string, call: () => unknown): CodedError {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    assert.ok(error instanceof Error, `expected an Error with code ${code}, got ${String(error)}`);
    const coded = error as CodedError;
    assert.equal(coded.code, code, `expected code ${code}, got: ${coded.code} ${coded.message}`);
    return coded;
  }
  assert.fail(`expected an error with code ${code}, but the call returned ${String(result)}`);
}

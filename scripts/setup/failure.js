/** The one kind of failure the set-up reports on purpose. */

/** Exit codes follow sysexits.h, which shells and CI systems know. */
const EXIT_CODES = Object.freeze({
  NODE_TOO_OLD: 69,
  TOOL_MISSING: 69,
  STEP_FAILED: 70,
  STEP_TIMED_OUT: 70,
  STATE_UNWRITABLE: 73,
  DISK_FULL: 73,
  LOCK_TIMED_OUT: 75,
  NETWORK: 75,
});

/** @typedef {keyof typeof EXIT_CODES} SetupCode */

/** A failed set-up: a stable code, one sentence, and the end of the log where there is one. */
export class SetupFailure extends Error {
  /**
   * @param {SetupCode} code stable, for programs
   * @param {string} message one sentence: what was tried, what is wrong, what to do
   * @param {string} [logTail] the last lines of the failing tool's output
   */
  constructor(code, message, logTail = '') {
    super(message);
    this.name = 'SetupFailure';
    this.code = code;
    this.exitCode = EXIT_CODES[code];
    this.logTail = logTail;
  }

  /**
   * @override
   * @returns {string} what a terminal shows
   */
  toString() {
    const tail = this.logTail === '' ? '' : `\n${this.logTail.replace(/^/gm, '  | ')}`;
    return `kvm-faultlab: ${this.code}: ${this.message}${tail}`;
  }
}

/**
 * Prints a failure and ends the process with its code; anything else is a bug and keeps its stack.
 * @param {unknown} error what was thrown
 * @returns {never}
 */
export function exitWith(error) {
  if (error instanceof SetupFailure) {
    process.stderr.write(`${error.toString()}\n`);
    process.exit(error.exitCode);
  }
  throw error;
}

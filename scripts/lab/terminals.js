/** Which of our output streams are terminals: a command shows colours and progress on those alone, in the lab as here. */

/**
 * @typedef {object} Terminals
 * @property {boolean} stdout whether it is one
 * @property {boolean} stderr whether it is one
 * @property {number} columns of either
 * @property {number} rows of either
 */

/** For output that somebody else takes. @type {Terminals} */
export const NO_TERMINALS = Object.freeze({ stdout: false, stderr: false, columns: 0, rows: 0 });

/** @returns {Terminals} ours */
export function ourTerminals() {
  const { stdout, stderr } = process;
  const terminal = [stdout, stderr].find(({ isTTY }) => isTTY);
  return { stdout: stdout.isTTY, stderr: stderr.isTTY, columns: terminal?.columns ?? 0, rows: terminal?.rows ?? 0 };
}

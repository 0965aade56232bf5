/** A fragment of a kernel configuration, and whether a whole one agrees with it. */
import { SetupFailure } from '../../setup/failure.js';

/** A fragment's line that the kernel's Kconfig would take: set to something, or off. */
const ASSIGNMENT = /^(CONFIG_\w+)=(.+)$/;

/**
 * @param {string} text with lines CONFIG_NAME=value (n for off), comments and empty lines
 * @returns {Map<string, string>} values by name, in the text's order
 * @throws {SetupFailure} STEP_FAILED, naming the line that is none of these, or that sets something again
 */
export function parseFragment(text) {
  /** @type {Map<string, string>} */
  const values = new Map();
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, name = '', value = ''] = ASSIGNMENT.exec(line) ?? [];
    if (name === '') throw new SetupFailure('STEP_FAILED', `the own kernel's configuration, line ${String(at + 1)}, is no CONFIG_NAME=value: ${line}`);
    if (values.has(name)) throw new SetupFailure('STEP_FAILED', `the own kernel's configuration, line ${String(at + 1)}, sets ${name} again`);
    values.set(name, value);
  }
  return values;
}

/**
 * What `make olddefconfig` dropped: an option that does not exist, whose dependencies are off, or that something else forces.
 * @param {ReadonlyMap<string, string>} fragment as it was asked for
 * @param {string} config the whole .config; what is off has no assignment there
 * @returns {string[]} the fragment's lines that did not take, each with what is there instead
 */
export function disagreements(fragment, config) {
  /** @type {Map<string, string>} */
  const actual = new Map();
  for (const line of config.split('\n')) {
    const [, name, value = ''] = ASSIGNMENT.exec(line) ?? [];
    if (name !== undefined) actual.set(name, value);
  }
  return [...fragment]
    .filter(([name, value]) => (actual.get(name) ?? 'n') !== value)
    .map(([name, value]) => `${name}=${value} (is ${actual.get(name) ?? 'n'})`);
}

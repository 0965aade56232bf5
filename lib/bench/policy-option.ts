/** Policies as people name them. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FaultLabError } from '../errors/index.js';
import { DEFAULT_THRESHOLD_NS, POLICY_NAMES, builtInPolicy, type FaultPolicyModule } from '../faults/index.js';
import { parseDuration } from './duration.js';

const MODULE = 'module:';

/**
 * Reads `always-async`, `always-sync`, `state`, `latency`, `latency:30us` (a page expected sooner is waited for), or `module:FILE`.
 * @returns what a machine takes
 * @throws FaultLabError `BAD_OPTION`
 */
export function parsePolicy(text: string): FaultPolicyModule {
  if (text.startsWith(MODULE) && text.length > MODULE.length) return { module: pathToFileURL(resolve(text.slice(MODULE.length))).href, options: null };
  const [name, ...rest] = text.split(':');
  const argument = rest.length === 0 ? null : rest.join(':');
  if (name === 'latency') return builtInPolicy({ name, thresholdNs: argument === null ? DEFAULT_THRESHOLD_NS : parseDuration(argument, '--policy latency') });
  if (argument === null && (name === 'always-async' || name === 'always-sync' || name === 'state')) return builtInPolicy({ name });
  throw new FaultLabError('BAD_OPTION', `unknown policy '${text}'`, { hint: `policies are ${POLICY_NAMES.join(', ')}, latency:TIME and ${MODULE}FILE` });
}

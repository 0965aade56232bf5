/** Page sources as people name them. */
import { FaultLabError } from '../errors/index.js';
import { parseNbdAddress, type NbdAddress } from '../faults/index.js';

/** A page source. */
export type SourceChoice = { readonly kind: 'file'; readonly direct: boolean } | { readonly kind: 'zero' } | { readonly kind: 'nbd'; readonly address: NbdAddress };

/** What `--source` takes, for help and hints. */
export const SOURCE_FORMS = 'file, file:direct, zero, nbd://HOST[:PORT]/EXPORT, nbd+unix:///EXPORT?socket=PATH';

/**
 * Reads a page source.
 * @throws FaultLabError `BAD_OPTION`
 */
export function parseSource(text: string): SourceChoice {
  if (text === 'file') return { kind: 'file', direct: false };
  if (text === 'file:direct') return { kind: 'file', direct: true };
  if (text === 'zero') return { kind: 'zero' };
  if (text.startsWith('nbd:') || text.startsWith('nbd+')) return { kind: 'nbd', address: parseNbdAddress(text) };
  throw new FaultLabError('BAD_OPTION', `unknown page source '${text}'`, { hint: `there are ${SOURCE_FORMS}` });
}

/** Where an NBD export is, as the NBD URI specification writes it (github.com/NetworkBlockDevice/nbd, doc/uri.md). */
import { FaultLabError } from '../../errors/index.js';

/** An export of a server. */
export interface NbdAddress {
  /** How people wrote it. */
  readonly uri: string;
  /** A Unix socket, or a host and a port. */
  readonly at: { readonly socket: string } | { readonly host: string; readonly port: number };
  /** Empty: the server's default export. */
  readonly exportName: string;
}

/** IANA's port of NBD. */
const DEFAULT_PORT = 10_809;
/** NBD's own limit of an export's name. */
const LONGEST_NAME = 4096;

/**
 * Reads `nbd://HOST[:PORT]/EXPORT` or `nbd+unix:///EXPORT?socket=PATH`.
 * @throws FaultLabError `BAD_OPTION`
 */
export function parseNbdAddress(uri: string): NbdAddress {
  const bad = (why: string): FaultLabError =>
    new FaultLabError('BAD_OPTION', `'${uri}' is no address of an NBD export: ${why}`, { hint: 'write nbd://HOST[:PORT]/EXPORT or nbd+unix:///EXPORT?socket=PATH' });
  let url: URL;
  let exportName: string;
  try {
    url = new URL(uri);
    exportName = decodeURIComponent(url.pathname.replace(/^\//, ''));
  } catch {
    throw bad('it cannot be read');
  }
  if (Buffer.byteLength(exportName) > LONGEST_NAME) throw bad(`the name of the export is longer than ${LONGEST_NAME} bytes`);
  if (url.username !== '' || url.password !== '') throw bad('users are not known to NBD without TLS');
  if (url.protocol === 'nbd+unix:') {
    const socket = url.searchParams.get('socket');
    if (socket === null || socket === '') throw bad('it names no socket');
    return { uri, at: { socket }, exportName };
  }
  if (url.protocol !== 'nbd:') throw bad(`${url.protocol} is not known here`);
  if (url.hostname === '') throw bad('it names no host');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { uri, at: { host, port: url.port === '' ? DEFAULT_PORT : Number(url.port) }, exportName };
}

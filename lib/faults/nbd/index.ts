/** Pages from the other end of a network: a client of NBD exports. */
export { parseNbdAddress, type NbdAddress } from './address.js';
export { NBD_TIMEOUTS, NbdConnection, type NbdTimeouts, type ReadCallback } from './connection.js';
export { type NbdExport } from './protocol.js';
export { nbdSource, type NbdSourceOptions } from './source.js';

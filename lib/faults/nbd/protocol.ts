/**
 * The part of the NBD protocol that a reader needs (github.com/NetworkBlockDevice/nbd, doc/proto.md): the fixed newstyle handshake with NBD_OPT_GO, read
 * requests and simple replies. Bytes in, bytes out; no I/O.
 */
import { FaultLabError } from '../../errors/index.js';

const NBDMAGIC = 0x4e42444d41474943n;
const IHAVEOPT = 0x49484156454f5054n;
const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const SIMPLE_REPLY_MAGIC = 0x67446698;

const NBD_FLAG_FIXED_NEWSTYLE = 1;
const NBD_FLAG_NO_ZEROES = 2;
const NBD_OPT_GO = 7;
const NBD_INFO_EXPORT = 0;
const NBD_INFO_BLOCK_SIZE = 3;
const NBD_REP_ACK = 1;
const NBD_REP_INFO = 3;
const NBD_REP_FLAG_ERROR = 0x8000_0000;
const NBD_CMD_READ = 0;
const NBD_CMD_DISC = 2;

/** Bytes of the server's greeting. */
export const GREETING_BYTES = 18;
/** Bytes of an option reply before its data. */
export const OPTION_REPLY_BYTES = 20;
/** Bytes of a simple reply before its data. */
export const REPLY_BYTES = 16;
const REQUEST_BYTES = 28;
/** Most data of an option reply that is taken: messages for people are at most 4096 bytes long. */
const MOST_OPTION_DATA = 65_536;

/** Errors of NBD_OPT_GO for people. */
const OPTION_ERRORS: Readonly<Record<number, string>> = {
  1: 'it does not know NBD_OPT_GO',
  2: 'it does not let us have the export',
  3: 'it calls the request invalid',
  4: 'it has no such option on its platform',
  5: 'it wants TLS',
  6: 'it has no such export',
  7: 'it is shutting down',
  8: 'it wants a client that knows its block sizes',
  9: 'the request is too big for it',
};

/** What a server says of an export. */
export interface NbdExport {
  readonly sizeBytes: number;
  /** Smallest unit of a request's offset and length; 1 where the server does not say. */
  readonly leastBlockBytes: number;
  /** Longest request, bytes; NBD's own 32 MiB where the server does not say. */
  readonly mostBytes: number;
}

/** An option reply without its data. */
export interface OptionReply {
  readonly type: number;
  readonly dataBytes: number;
}

/** A simple reply without its data. */
export interface Reply {
  /** 0: what was read follows. Otherwise an errno of Linux, as NBD's own are. */
  readonly error: number;
  /** Of the request. */
  readonly cookie: number;
}

const DEFAULT_MOST_BYTES = 32 * 2 ** 20;

/** What the server did that no server may. */
function violation(what: string): FaultLabError {
  return new FaultLabError('NBD_PROTOCOL', `the server does not speak NBD's fixed newstyle: ${what}`);
}

/**
 * Reads the server's greeting and answers it with NBD_OPT_GO.
 * @throws FaultLabError `NBD_PROTOCOL`
 */
export function answerGreeting(greeting: Buffer, exportName: string): Buffer {
  if (greeting.readBigUInt64BE(0) !== NBDMAGIC || greeting.readBigUInt64BE(8) !== IHAVEOPT) throw violation('its greeting is another');
  const flags = greeting.readUInt16BE(16);
  if ((flags & NBD_FLAG_FIXED_NEWSTYLE) === 0) throw violation(`its flags are 0x${flags.toString(16)}`);
  const name = Buffer.from(exportName);
  const data = Buffer.alloc(4 + name.length + 4);
  data.writeUInt32BE(name.length, 0);
  name.copy(data, 4);
  data.writeUInt16BE(1, 4 + name.length);
  data.writeUInt16BE(NBD_INFO_BLOCK_SIZE, 6 + name.length);
  const head = Buffer.alloc(4 + 16);
  head.writeUInt32BE(NBD_FLAG_FIXED_NEWSTYLE | (flags & NBD_FLAG_NO_ZEROES), 0);
  head.writeBigUInt64BE(IHAVEOPT, 4);
  head.writeUInt32BE(NBD_OPT_GO, 12);
  head.writeUInt32BE(data.length, 16);
  return Buffer.concat([head, data]);
}

/**
 * Reads the head of an option reply.
 * @throws FaultLabError `NBD_PROTOCOL`
 */
export function parseOptionReply(head: Buffer): OptionReply {
  if (head.readBigUInt64BE(0) !== OPTION_REPLY_MAGIC || head.readUInt32BE(8) !== NBD_OPT_GO) throw violation('its reply to NBD_OPT_GO is none');
  const dataBytes = head.readUInt32BE(16);
  if (dataBytes > MOST_OPTION_DATA) throw violation(`its reply to NBD_OPT_GO has ${dataBytes} bytes`);
  return { type: head.readUInt32BE(12), dataBytes };
}

/** Gathers what the replies to NBD_OPT_GO say. */
export class ExportNegotiation {
  private sizeBytes: number | null = null;
  private leastBlockBytes = 1;
  private mostBytes = DEFAULT_MOST_BYTES;

  /**
   * Takes one reply.
   * @returns null while there are more to come
   * @throws FaultLabError `NBD_PROTOCOL`, `NBD_REFUSED`
   */
  take({ type }: OptionReply, data: Buffer): NbdExport | null {
    if (type >= NBD_REP_FLAG_ERROR) {
      const text = data.toString('utf8').replace(/\p{Cc}/gu, '?');
      throw new FaultLabError('NBD_REFUSED', `the server refuses the export: ${OPTION_ERRORS[type - NBD_REP_FLAG_ERROR] ?? `error ${type - NBD_REP_FLAG_ERROR}`}${text === '' ? '' : ` ("${text}")`}`);
    }
    if (type === NBD_REP_INFO) this.note(data);
    if (type !== NBD_REP_ACK) return null;
    if (this.sizeBytes === null) throw violation('it does not say how large the export is');
    return { sizeBytes: this.sizeBytes, leastBlockBytes: this.leastBlockBytes, mostBytes: this.mostBytes };
  }

  private note(data: Buffer): void {
    if (data.length < 2) throw violation('an NBD_REP_INFO is too short');
    const info = data.readUInt16BE(0);
    if (info === NBD_INFO_EXPORT) {
      if (data.length < 12) throw violation('its NBD_INFO_EXPORT is too short');
      const sizeBytes = data.readBigUInt64BE(2);
      if (sizeBytes > BigInt(Number.MAX_SAFE_INTEGER)) throw violation(`its export has ${sizeBytes} bytes`);
      this.sizeBytes = Number(sizeBytes);
    } else if (info === NBD_INFO_BLOCK_SIZE) {
      if (data.length < 14) throw violation('its NBD_INFO_BLOCK_SIZE is too short');
      this.leastBlockBytes = data.readUInt32BE(2);
      this.mostBytes = data.readUInt32BE(10);
    }
  }
}

/** A request to read. */
export function readRequest(cookie: number, offset: number, lengthBytes: number): Buffer {
  return request(NBD_CMD_READ, cookie, offset, lengthBytes);
}

/** Says that no more requests will come. */
export function disconnectRequest(): Buffer {
  return request(NBD_CMD_DISC, 0, 0, 0);
}

function request(command: number, cookie: number, offset: number, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(REQUEST_BYTES);
  bytes.writeUInt32BE(REQUEST_MAGIC, 0);
  bytes.writeUInt16BE(command, 6);
  bytes.writeBigUInt64BE(BigInt(cookie), 8);
  bytes.writeBigUInt64BE(BigInt(offset), 16);
  bytes.writeUInt32BE(lengthBytes, 24);
  return bytes;
}

/**
 * Reads the head of a reply.
 * @throws FaultLabError `NBD_PROTOCOL`
 */
export function parseReply(head: Buffer): Reply {
  if (head.readUInt32BE(0) !== SIMPLE_REPLY_MAGIC) throw violation('a reply is no simple one');
  return { error: head.readUInt32BE(4), cookie: Number(head.readBigUInt64BE(8)) };
}

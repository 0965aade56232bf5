/**
 * A connection to an NBD export, on node:net: reads, any number under way at once, each answered, failed by the server, or ended with the connection. A
 * connection that broke is not made again: a restart in the middle of a measurement would be part of its latencies.
 */
import { connect, type Socket } from 'node:net';
import { FaultLabError } from '../../errors/index.js';
import type { NbdAddress } from './address.js';
import {
  ExportNegotiation,
  GREETING_BYTES,
  OPTION_REPLY_BYTES,
  REPLY_BYTES,
  answerGreeting,
  disconnectRequest,
  parseOptionReply,
  parseReply,
  readRequest,
  type NbdExport,
} from './protocol.js';

/** Told what came of a read: 0 and the bytes, which are valid during the call, or an errno and null. */
export type ReadCallback = (error: number, bytes: Buffer | null) => void;

interface PendingRead {
  readonly lengthBytes: number;
  readonly sentMs: number;
  readonly done: ReadCallback;
}

/** How a connection waits. */
export interface NbdTimeouts {
  /** For the handshake, ms. */
  readonly openMs: number;
  /** For the answer to a read, ms. */
  readonly readMs: number;
}

/** What an export is given when nobody says otherwise. */
export const NBD_TIMEOUTS: NbdTimeouts = { openMs: 10_000, readMs: 20_000 };

/** See the module's comment. */
export class NbdConnection {
  /** Of the server; set when the connection is open. */
  export: NbdExport = { sizeBytes: 0, leastBlockBytes: 1, mostBytes: 0 };
  private readonly socket: Socket;
  private readonly reads = new Map<number, PendingRead>();
  private readonly watch: NodeJS.Timeout;
  private chunks: Buffer[] = [];
  private bufferedBytes = 0;
  private neededBytes = GREETING_BYTES;
  private parse: (bytes: Buffer) => void;
  private nextCookie = 0;
  private lost: FaultLabError | null = null;
  private closed = false;
  private opened: { resolve: () => void; reject: (error: Error) => void } | null = null;

  private constructor(
    private readonly address: NbdAddress,
    private readonly timeouts: NbdTimeouts,
    private readonly onLost: (error: FaultLabError) => void,
  ) {
    this.parse = (bytes) => {
      this.takeGreeting(bytes);
    };
    this.socket = 'socket' in address.at ? connect(address.at.socket) : connect({ ...address.at, noDelay: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.take(chunk);
    });
    this.socket.on('error', (error: Error) => {
      this.lose(new FaultLabError(this.opened === null ? 'NBD_LOST' : 'NBD_UNREACHABLE', `the connection to ${address.uri} broke: ${error.message}`, { cause: error }));
    });
    this.socket.on('close', () => {
      this.lose(new FaultLabError('NBD_LOST', `the server of ${address.uri} closed the connection`));
    });
    this.watch = setInterval(() => {
      this.checkTimeouts();
    }, Math.min(250, timeouts.readMs / 4)).unref();
  }

  /**
   * Opens an export.
   * @param onLost - told once, when a connection that was open is so no more
   * @throws FaultLabError `NBD_UNREACHABLE`, `NBD_REFUSED`, `NBD_PROTOCOL`, `NBD_TIMEOUT`, `NBD_LOST`
   */
  static async open(address: NbdAddress, onLost: (error: FaultLabError) => void = () => undefined, timeouts = NBD_TIMEOUTS): Promise<NbdConnection> {
    const connection = new NbdConnection(address, timeouts, onLost);
    const timer = setTimeout(() => {
      connection.lose(new FaultLabError('NBD_TIMEOUT', `waited ${timeouts.openMs / 1000} s for ${address.uri} to answer the handshake`));
    }, timeouts.openMs);
    try {
      await new Promise<void>((resolve, reject) => {
        connection.opened = { resolve, reject };
      });
    } finally {
      connection.opened = null;
      clearTimeout(timer);
    }
    return connection;
  }

  /**
   * Begins to read.
   * @param done - called once, unless the connection is lost or closed first
   * @throws FaultLabError: the reason why the connection was lost
   */
  read(offset: number, lengthBytes: number, done: ReadCallback): void {
    if (this.lost !== null) throw this.lost;
    const cookie = this.nextCookie++;
    this.reads.set(cookie, { lengthBytes, sentMs: performance.now(), done });
    this.socket.write(readRequest(cookie, offset, lengthBytes));
  }

  /** Says goodbye; what is under way is forgotten. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.watch);
    this.reads.clear();
    if (this.lost === null) this.socket.end(disconnectRequest());
    this.socket.destroySoon();
  }

  private take(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.bufferedBytes += chunk.length;
    if (this.bufferedBytes < this.neededBytes) return;
    let bytes = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
    try {
      while (this.lost === null && bytes.length >= this.neededBytes) {
        const needed = this.neededBytes;
        this.parse(bytes.subarray(0, needed));
        bytes = bytes.subarray(needed);
      }
    } catch (error) {
      const code = error instanceof FaultLabError ? error.code : 'NBD_PROTOCOL';
      this.lose(new FaultLabError(code, `${this.address.uri}: ${error instanceof Error ? error.message : String(error)}`, { cause: error }));
      return;
    }
    this.chunks = bytes.length === 0 ? [] : [bytes];
    this.bufferedBytes = bytes.length;
  }

  /** What comes next. A part without bytes is there at once. */
  private expect(bytes: number, parse: (bytes: Buffer) => void): void {
    this.neededBytes = bytes;
    this.parse = parse;
    if (bytes === 0) parse(Buffer.alloc(0));
  }

  private takeGreeting(bytes: Buffer): void {
    this.socket.write(answerGreeting(bytes, this.address.exportName));
    const negotiation = new ExportNegotiation();
    const next = (): void => {
      this.expect(OPTION_REPLY_BYTES, (head) => {
        const reply = parseOptionReply(head);
        this.expect(reply.dataBytes, (data) => {
          const found = negotiation.take(reply, data);
          if (found === null) {
            next();
            return;
          }
          this.export = found;
          this.expectReply();
          this.opened?.resolve();
        });
      });
    };
    next();
  }

  private expectReply(): void {
    this.expect(REPLY_BYTES, (head) => {
      const { error, cookie } = parseReply(head);
      const read = this.reads.get(cookie);
      if (read === undefined) throw new FaultLabError('NBD_PROTOCOL', `the server answers request ${cookie}, which is not under way`);
      this.reads.delete(cookie);
      if (error === 0) {
        this.expect(read.lengthBytes, (bytes) => {
          this.expectReply();
          read.done(0, bytes);
        });
      } else {
        this.expectReply();
        read.done(error, null);
      }
    });
  }

  /** The oldest read is the first in the map. */
  private checkTimeouts(): void {
    for (const { sentMs } of this.reads.values()) {
      if (performance.now() - sentMs > this.timeouts.readMs) {
        this.lose(new FaultLabError('NBD_TIMEOUT', `waited ${this.timeouts.readMs / 1000} s for ${this.address.uri} to answer a read`));
      }
      return;
    }
  }

  private lose(error: FaultLabError): void {
    if (this.lost !== null || this.closed) return;
    this.lost = error;
    clearInterval(this.watch);
    this.reads.clear();
    this.socket.destroy();
    if (this.opened !== null) this.opened.reject(error);
    else this.onLost(error);
  }
}

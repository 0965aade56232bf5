/**
 * Access traces: which pages of an image were asked for, in this order. As text, one page index a line (`#` begins a remark); or as 32-bit words, little end
 * first, without anything around them. A file with a zero byte is the latter: a text has none.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { FaultLabError } from '../errors/index.js';

/** Names that are written as words. */
const BINARY_NAME = /\.(bin|u32)$/;
const WORD_BYTES = 4;

/**
 * Reads a trace; a page that comes again is visited the first time only.
 * @param pageCount - pages of the image
 * @throws FaultLabError `TRACE_UNREADABLE`, `TRACE_DAMAGED`
 */
export function readTrace(path: string, pageCount: number): Uint32Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new FaultLabError('TRACE_UNREADABLE', `the trace ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  const pages = bytes.includes(0) ? readWords(path, bytes) : readLines(path, bytes.toString('latin1'));
  const beyond = pages.findIndex((page) => page >= pageCount);
  if (beyond >= 0) throw damaged(path, `entry ${beyond + 1} is page ${pages[beyond]}, and the image has ${pageCount} pages`);
  if (pages.length === 0) throw damaged(path, 'it names no page');
  return Uint32Array.from(new Set(pages));
}

/**
 * Writes a trace: as words where the name ends in `.bin` or `.u32`, else as text.
 * @throws what writing a file throws
 */
export function writeTrace(path: string, pages: Uint32Array): void {
  if (!BINARY_NAME.test(path)) {
    writeFileSync(path, pages.length === 0 ? '' : `${pages.join('\n')}\n`);
    return;
  }
  const bytes = Buffer.alloc(pages.length * WORD_BYTES);
  pages.forEach((page, at) => bytes.writeUInt32LE(page, at * WORD_BYTES));
  writeFileSync(path, bytes);
}

function readWords(path: string, bytes: Buffer): Uint32Array {
  if (bytes.length % WORD_BYTES !== 0) throw damaged(path, `it has ${bytes.length} bytes, which are no whole number of 32-bit words`);
  return Uint32Array.from({ length: bytes.length / WORD_BYTES }, (_, at) => bytes.readUInt32LE(at * WORD_BYTES));
}

function readLines(path: string, text: string): Uint32Array {
  const pages: number[] = [];
  text.split('\n').forEach((line, at) => {
    const plain = line.replace(/#.*/, '').trim();
    if (plain === '') return;
    if (!/^\d{1,10}$/.test(plain) || Number(plain) > 0xffff_ffff) throw damaged(path, `line ${at + 1} is no page index`);
    pages.push(Number(plain));
  });
  return Uint32Array.from(pages);
}

function damaged(path: string, why: string): FaultLabError {
  return new FaultLabError('TRACE_DAMAGED', `the trace ${path} is none: ${why}`, { hint: 'a trace is one page index a line, or 32-bit words with the little end first' });
}

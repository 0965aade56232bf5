/**
 * Time stamps of a thread: where they go, and reading them back. Native calls that matter leave theirs by themselves (native/stamps.h); what lies
 * between them is noted with {@link noteStamp}, whose time is taken in native code too. A thread that keeps none pays for one branch.
 */
import type { NativeMapping } from './addon.js';
import { nativeAddon } from './loader.js';

/** What happened, and what `argument` then is. Numbers below 64 are native/stamps.h's. */
export const StampKind = {
  /** KVM_RUN is about to be called. */
  RUN_ENTER: 1,
  /** It came back: errno << 16 | exit reason. */
  RUN_LEAVE: 2,
  /** pread into a mapping: its page there. */
  FILL_BEGIN: 3,
  FILL_END: 4,
  /** UFFDIO_CONTINUE: first page. */
  MAP_BEGIN: 5,
  MAP_END: 6,
  /** userfaultfd messages were read: how many. */
  MESSAGES: 7,
  /** KVM_SIGNAL_MSI: vector. */
  SIGNAL_BEGIN: 8,
  SIGNAL_END: 9,
  /** A vCPU's Worker knows which page a failed KVM_RUN was about: page. */
  LOCATED: 64,
  /** The guest is told of a missing page at the next entry: page. */
  TOLD: 65,
  /** A page was asked for: page. */
  REQUESTED: 66,
  /** A vCPU's Worker that waited for a page runs again: page. */
  AWAKE: 67,
  /** A resolver took a request: page. */
  TAKEN: 68,
  /** A page is there, and whoever waits for it was told: page. */
  COMPLETED: 69,
} as const;

const HEADER_BYTES = 64;
const RECORD_BYTES = 16;

/** Stamps of one thread, in order. */
export interface StampLog {
  /** TSC of the host. */
  readonly tsc: Float64Array;
  /** One of {@link StampKind}. */
  readonly kind: Uint32Array;
  readonly argument: Uint32Array;
  /** Stamps for which there was no room. */
  readonly missed: number;
}

let keeping = false;

/** Bytes, whole pages, for `count` stamps. */
export function stampsSizeBytes(count: number): number {
  return Math.ceil((HEADER_BYTES + count * RECORD_BYTES) / 4096) * 4096;
}

/**
 * From now on this thread keeps stamps in the memory behind a share number; null: no more.
 * @throws Error `BAD_SHARE`, `MAPPING_NOT_VIEWABLE`
 */
export function keepStamps(share: number | null): void {
  const addon = nativeAddon();
  if (share === null) {
    addon.recordStamps(null);
  } else {
    const mapping = addon.Mapping.adopt(share);
    addon.recordStamps(mapping);
    mapping.close();
  }
  keeping = share !== null;
}

/** Notes one now, where this thread keeps stamps. */
export function noteStamp(kind: number, argument: number): void {
  if (keeping) nativeAddon().stamp(kind, argument);
}

/** Copies out what a thread has left so far. */
export function readStamps(mapping: NativeMapping): StampLog {
  const words = new BigUint64Array(mapping.view());
  const halves = new Uint32Array(words.buffer);
  const count = Number(words[0]);
  const log = { tsc: new Float64Array(count), kind: new Uint32Array(count), argument: new Uint32Array(count), missed: Number(words[1]) };
  for (let at = 0; at < count; at++) {
    const word = (HEADER_BYTES + at * RECORD_BYTES) / 4;
    log.tsc[at] = halves[word + 1] * 2 ** 32 + halves[word];
    log.kind[at] = halves[word + 2];
    log.argument[at] = halves[word + 3];
  }
  return log;
}

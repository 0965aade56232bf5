/** A process's anonymous memory by what it is for, as far as the kernel's list of its mappings tells. */
import { readFileSync } from 'node:fs';

/** Bytes. */
export interface AnonymousMemory {
  /** All of it. */
  readonly sizeBytes: number;
  /** malloc's: the heap of the main thread, and the arenas of the others (glibc's alone are recognized). */
  readonly mallocBytes: number;
  /** Pages of files that were written to: relocations, variables. */
  readonly fileBytes: number;
  /** The stack of the main thread; those of others look like any memory. */
  readonly stackBytes: number;
}

/** glibc's arenas: as large as this, aligned to it, and what is not used yet cannot be touched. */
const ARENA_BYTES = 64 * 2 ** 20;

interface Area {
  readonly start: number;
  readonly end: number;
  readonly permissions: string;
  readonly path: string;
  anonymousBytes: number;
}

/**
 * Sorts a list of mappings.
 * @param smaps - contents of /proc/PID/smaps
 */
export function sortAnonymous(smaps: string): AnonymousMemory {
  const areas = parse(smaps);
  const sum = (wanted: (area: Area, at: number) => boolean): number => areas.filter(wanted).reduce((bytes, { anonymousBytes }) => bytes + anonymousBytes, 0);
  const isArena = ({ start, end, path }: Area, at: number): boolean => {
    const next = areas[at + 1] as Area | undefined;
    if (path !== '' || start % ARENA_BYTES !== 0) return false;
    return end === start + ARENA_BYTES || (next?.start === end && next.permissions.startsWith('---') && next.end === start + ARENA_BYTES);
  };
  return {
    sizeBytes: sum(() => true),
    mallocBytes: sum((area, at) => area.path === '[heap]' || isArena(area, at)),
    fileBytes: sum(({ path }) => path.startsWith('/')),
    stackBytes: sum(({ path }) => path === '[stack]'),
  };
}

/** Of this process, now. */
export function readAnonymous(): AnonymousMemory {
  return sortAnonymous(readFileSync('/proc/self/smaps', 'utf8'));
}

function parse(smaps: string): Area[] {
  const areas: Area[] = [];
  for (const line of smaps.split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)$/.exec(line);
    if (head !== null) areas.push({ start: parseInt(head[1], 16), end: parseInt(head[2], 16), permissions: head[3], path: head[4], anonymousBytes: 0 });
    const anonymous = /^Anonymous: +(\d+) kB$/.exec(line);
    const area = areas.at(-1);
    if (anonymous !== null && area !== undefined) area.anonymousBytes = Number(anonymous[1]) * 1024;
  }
  return areas;
}

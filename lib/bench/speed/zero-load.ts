/** A load without storage: pages of zeroes, whose checksums the guest compares. */
import { zeroSource } from '../../faults/index.js';
import { checksumPage } from '../../guest/index.js';
import { Machine, type MachineOptions, type MachineResult } from '../../machine/index.js';
import { PAGE_SIZE } from '../../uapi/index.js';
import { checkIntegrity } from '../checks.js';
import { requireIntegrity } from './sides.js';

/** What all runs of so many pages share. */
export type ZeroLoad = Required<Pick<MachineOptions, 'windowPages' | 'source' | 'order' | 'expected'>>;

/** Pages in ascending order, each once. */
export function zeroLoad(pages: number): ZeroLoad {
  const zeroes = new Int32Array(PAGE_SIZE / 4);
  const expected = new Int32Array(2 * pages);
  for (let page = 0; page < pages; page++) checksumPage(zeroes, 0, page, expected);
  return { windowPages: pages, source: zeroSource(), order: Uint32Array.from({ length: pages }, (_, page) => page), expected };
}

/**
 * Runs a machine to its end.
 * @throws FaultLabError what the machine throws; `SPEED_INTEGRITY` when a page was not zeroes
 */
export async function runZeroLoad(load: ZeroLoad, options: Omit<MachineOptions, keyof ZeroLoad>): Promise<MachineResult> {
  const machine = await Machine.create({ ...load, ...options });
  try {
    const result = await machine.run();
    requireIntegrity('this program', checkIntegrity(load.order, load.expected, result).exact);
    return result;
  } finally {
    await machine.close();
  }
}

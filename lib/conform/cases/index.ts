/** The cases of every profile. A rule is a sentence of a profile; the case that has its id tries it. */
import type { UapiName } from '../../uapi/proposals/index.js';
import type { ConformanceCase } from '../case.js';
import { stockEventCases } from './stock-events.js';
import { stockFaultCases } from './stock-faults.js';

const CASES: Readonly<Record<UapiName, readonly ConformanceCase[]>> = {
  stock: [...stockFaultCases, ...stockEventCases],
  userfault: [],
  'async-pf-user-2024': [],
  'async-pf-userfault-2026': [],
  'sync-async-2bit': [],
};

/** The cases of one profile. */
export function casesOf(name: UapiName): readonly ConformanceCase[] {
  return CASES[name];
}

/** The cases of every profile. A rule is a sentence of a profile; the case that has its id tries it. */
import type { UapiName } from '../../uapi/proposals/index.js';
import type { ConformanceCase } from '../case.js';
import { asyncPfUserCases } from './async-pf-user-2024/cases.js';
import { faultCases } from './async-pf-userfault-2026/faults.js';
import { requestCases } from './async-pf-userfault-2026/requests.js';
import { ringCases } from './async-pf-userfault-2026/rings.js';
import { stockEventCases } from './stock/events.js';
import { stockFaultCases } from './stock/faults.js';
import { syncAsyncTwoBitCases } from './sync-async-2bit/cases.js';
import { userfaultCases } from './userfault/cases.js';

const CASES: Readonly<Record<UapiName, readonly ConformanceCase[]>> = {
  stock: [...stockFaultCases, ...stockEventCases],
  userfault: userfaultCases,
  'async-pf-user-2024': asyncPfUserCases,
  'async-pf-userfault-2026': [...faultCases, ...requestCases, ...ringCases],
  'sync-async-2bit': syncAsyncTwoBitCases,
};

/** The cases of one profile. */
export function casesOf(name: UapiName): readonly ConformanceCase[] {
  return CASES[name];
}

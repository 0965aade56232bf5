import { EFAULT } from '../../errors/index.js';
import { meansUnknown, outcome } from './errno-of.js';
import type { FactList } from './uapi-support.js';

/**
 * Adds whether KVM knows a request of a vCPU.
 * @param errno - of the request with an argument that cannot be read: EFAULT comes only from a kernel that knows it
 * @param wanted - whether a kernel with the profile knows it
 * @returns whether it is as wanted
 */
export function judgeRequest(list: FactList, title: string, request: number, errno: number, wanted = true): boolean {
  const known = errno === EFAULT;
  const found = known ? 'a known request (EFAULT)' : meansUnknown(errno) ? `no such request (${outcome(errno)})` : outcome(errno);
  const asked = `0x${request.toString(16)} (${title}) with an argument that cannot be read`;
  if (wanted || known) return list.add(asked, found, known === wanted);
  list.note(asked, found);
  return true;
}

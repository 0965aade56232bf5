/** The calls that models of proposals have beyond what all of them have. Told apart by what is there: a model may come from another copy of its module. */
import { FaultLabError } from '../../../errors/index.js';
import type { ApfEventfds, AsyncPfRequest, AsyncPfUserReady, ProposalModel } from '../../../uapi/proposals/index.js';

/** KVM_ASYNC_PF. */
export interface AsyncPfModel {
  request(vcpu: number, request: AsyncPfRequest): number;
  enableCap(vcpu: number, args: readonly number[]): number;
}

/** KVM_ASYNC_PF_USER_READY. */
export interface TokenModel {
  request(vcpu: number, request: AsyncPfUserReady): number;
}

/** KVM_USERFAULT_READY. */
export interface GpaModel {
  request(vcpu: number, request: { readonly gpa: number; readonly flags?: number; readonly pointerIsBad?: boolean; readonly otherProcess?: boolean }): number;
}

/** The exitless rings. */
export interface RingModel extends AsyncPfModel {
  readonly sharedPages: readonly Int32Array[];
  setEventfds(vcpu: number, eventfds: ApfEventfds): number;
  drainCompletions(vcpu: number): boolean;
}

/** True for a model with exitless rings. */
export function hasRings(model: ProposalModel): model is ProposalModel & RingModel {
  return 'drainCompletions' in model && 'setEventfds' in model;
}

/**
 * The model as one that has a method.
 * @throws FaultLabError `CONFORM_CASE` for a case that asks for what its profile has not
 */
export function having<Calls>(model: ProposalModel, method: keyof Calls & string): Calls {
  if (!(method in model)) throw new FaultLabError('CONFORM_CASE', `no call ${method} in this proposal`);
  return model as unknown as Calls;
}

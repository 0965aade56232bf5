/** Checks of what user space is about to say to KVM, for whoever would rather have an error that explains than an errno. */
import { FaultLabError } from '../../errors/index.js';
import { PAGE_SIZE } from '../memory-region.js';
import { pageOf } from './model-shape.js';
import type { ProposalModel } from './proposal-model.js';

/**
 * The page that a gpa names, as KVM would take it.
 * @returns the index of the page
 * @throws FaultLabError GPA_UNALIGNED, or GPA_OUTSIDE for one that is not in the model's slot
 */
export function checkedPage({ shape }: ProposalModel, gpa: number): number {
  const shown = `gpa 0x${Number.isFinite(gpa) ? gpa.toString(16) : String(gpa)}`;
  if (!Number.isInteger(gpa) || gpa % PAGE_SIZE !== 0) {
    throw new FaultLabError('GPA_UNALIGNED', `${shown} is not the first byte of a page`, { hint: 'an async page fault is named by the gpa of its page, as the exit gave it' });
  }
  const page = pageOf(shape, gpa);
  if (page < 0) throw new FaultLabError('GPA_OUTSIDE', `${shown} is in no page of the memslot`, { hint: `the slot has ${shape.pages} pages from gpa 0x${shape.baseGpa.toString(16)} on` });
  return page;
}

/**
 * The page that a token stands for.
 * @returns the page of the item that has the token
 * @throws FaultLabError TOKEN_UNKNOWN for a token that no item of the vCPU has: never issued, or done with
 */
export function checkedToken({ queues }: ProposalModel, vcpu: number, token: number): number {
  const queue = queues[vcpu];
  const slot = Number.isInteger(token) && token !== 0 ? queue.findToken(token) : -1;
  if (slot < 0 || queue.isWakeAll(slot)) {
    throw new FaultLabError('TOKEN_UNKNOWN', `vCPU ${vcpu} has no async page fault with token 0x${token.toString(16)}`, {
      hint: 'a token is good once, on the vCPU whose exit carried it, until the guest turns async page faults off',
    });
  }
  return queue.page(slot);
}

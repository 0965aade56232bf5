/** Single words of the exitless rings' shared page, for steps that are finer than those of the handler's own code. */
import { KVM_APF_SHARED_FLAG_NOTIFY_ARMED, kvmApfSharedPageLayout } from '../uapi/proposals/index.js';

const { fields } = kvmApfSharedPageLayout;
const FLAGS = fields['header.flags'].offset / 4;
const NOTIFY_HEAD = fields['notify.head'].offset / 4;
const NOTIFY_TAIL = fields['notify.tail'].offset / 4;
const COMPLETE_HEAD = fields['complete.head'].offset / 4;
const COMPLETE_TAIL = fields['complete.tail'].offset / 4;

/** The handler asks to be signalled, or does not any more. */
export function setArmed(page: Int32Array, on: boolean): void {
  page[FLAGS] = on ? page[FLAGS] | KVM_APF_SHARED_FLAG_NOTIFY_ARMED : page[FLAGS] & ~KVM_APF_SHARED_FLAG_NOTIFY_ARMED;
}

/** True when KVM published faults that the handler has not taken. */
export function hasNotifications(page: Int32Array): boolean {
  return page[NOTIFY_HEAD] !== page[NOTIFY_TAIL];
}

/** True when one more completion fits a ring of `entries`. */
export function hasRoomForCompletion(page: Int32Array, entries: number): boolean {
  return (page[COMPLETE_HEAD] - page[COMPLETE_TAIL]) >>> 0 < entries;
}

/** Moves the completion head further than a ring of `entries` is long. */
export function overrunCompletions(page: Int32Array, entries: number): void {
  page[COMPLETE_HEAD] = (page[COMPLETE_HEAD] + entries + 1) | 0;
}

/** `exit`: what KVM and its users do today. KVM_RUN fails, and the VM dies with a report. */
import { describeLostAccess } from '../describe.js';
import type { LossReport } from '../report.js';

/** See the module's comment. */
export const exit: LossReport = {
  name: 'exit',
  title: 'KVM_RUN fails, the VM dies with a report',
  setup: { asyncPf: 'none', haltExits: false, features: 0 },
  start: () => ({ lost: (access) => ({ kind: 'die', why: describeLostAccess(access) }) }),
};

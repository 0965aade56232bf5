/** The 2026 design in its own numbers. */
import type { AsyncSteps} from '../async/protocol.js';
import { type AsyncProtocol } from '../async/protocol.js';
import { ENOENT } from '../steps.js';

/** Operations of KVM_ASYNC_PF. */
export const ACCEPT = 1;
export const READY = 2;
/** Option name of KVM_CAP_ASYNC_PF_USERFAULT. */
export const CAPABILITY = 'async-pf-userfault';

/** See the module's comment. */
export const I4: AsyncProtocol = {
  slotFlags: 1 << 3,
  marked: 1,
  exitHasToken: false,
  prepare: (context, vm, vcpu) => {
    context.errno('KVM_CAP_ASYNC_PF_USERFAULT is enabled', vm.vcpus[vcpu].user.enableCap(CAPABILITY, [1]), 0);
  },
  accept: (context, vm, vcpu, page) => {
    context.errno(`ACCEPT of page ${page}`, vm.vcpus[vcpu].user.asyncPf({ gpa: vm.gpaOf(page), op: ACCEPT }), 0);
  },
  ready: (vm, vcpu, page) => vm.vcpus[vcpu].user.asyncPf({ gpa: vm.gpaOf(page), op: READY }),
  gone: ENOENT,
};

/** The design without its capability enabled. */
export const I4_NOT_ENABLED: AsyncProtocol = { ...I4, prepare: () => undefined };

/** ACCEPT of a page comes to 0 or an errno, as it must. */
export function accept({ context, vm }: AsyncSteps, page: number, expected = 0): void {
  context.errno(`ACCEPT of page ${page}`, vm.vcpus[0].user.asyncPf({ gpa: vm.gpaOf(page), op: ACCEPT }), expected);
}

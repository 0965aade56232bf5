/** Rules of KVM_ASYNC_PF and KVM_SET_APF_EVENTFD. */
import { caseList, type CaseContext } from '../../case.js';
import type { ConformanceVm } from '../../vm.js';
import { AsyncSteps } from '../async/protocol.js';
import {
  AS_INT,
  EALREADY,
  EBADF,
  EBUSY,
  EFAULT,
  EINVAL,
  EIO,
  ENABLED,
  ENOENT,
  MSR_EN,
  MSR_INT,
  TOKEN_1,
  VECTOR,
  WAKE_ALL,
  acknowledge,
  enableValue,
  expectReady,
} from '../steps.js';
import { ACCEPT, I4, I4_NOT_ENABLED, READY, accept } from './protocol.js';

/** A descriptor that no process of this suite's has. */
const NOT_OPEN = 1_000_000;

/** KVM_SET_APF_EVENTFD with two new eventfds and what else is said, on vCPU 0. */
function setEventfds(vm: ConformanceVm, more: { readonly flags?: number; readonly padding?: number; readonly reserved?: number } = {}): number {
  return vm.vcpus[0].user.setEventfds({ fd: vm.eventfd().fd, completeFd: vm.eventfd().fd, ...more });
}

/** A guest that was told of page 0. */
function told(context: CaseContext): AsyncSteps {
  const steps = new AsyncSteps(context, I4).enable();
  steps.told(0, TOKEN_1);
  return steps;
}

/** See the module's comment. */
export const requestCases = caseList([
  {
    rule: 'u26-26',
    run: (context) => {
      const { vm } = told(context);
      const [{ user }] = vm.vcpus;
      for (const op of [ACCEPT, READY]) {
        context.errno(`operation ${op} with flags`, user.asyncPf({ gpa: vm.gpaOf(0), op, flags: 1 }), EINVAL);
        context.errno(`operation ${op} with a reserved word`, user.asyncPf({ gpa: vm.gpaOf(0), op, reserved: 1 }), EINVAL);
      }
      context.errno('READY as it must be', user.asyncPf({ gpa: vm.gpaOf(0), op: READY }), 0);
    },
  },
  {
    rule: 'u26-27',
    run: (context) => {
      const { vm } = told(context);
      const [{ user }] = vm.vcpus;
      for (const op of [ACCEPT, READY]) for (const offset of [1, 8, 4095]) context.errno(`operation ${op}, byte ${offset} of the page`, user.asyncPf({ gpa: vm.gpaOf(0) + offset, op }), EINVAL);
    },
  },
  {
    rule: 'u26-28',
    run: (context) => {
      const { vm } = told(context);
      const [{ user }] = vm.vcpus;
      for (const op of [0, 3, 0xffff_ffff]) context.errno(`operation ${op}`, user.asyncPf({ gpa: vm.gpaOf(0), op }), EINVAL);
    },
  },
  {
    rule: 'u26-29',
    run: (context) => {
      const { vm } = told(context);
      const [{ user }] = vm.vcpus;
      for (const op of [ACCEPT, READY]) {
        context.errno(`operation ${op} for a page that nobody touched`, user.asyncPf({ gpa: vm.gpaOf(1), op }), ENOENT);
        context.errno(`operation ${op} for a page of no slot`, user.asyncPf({ gpa: 0x7000_0000, op }), ENOENT);
      }
    },
  },
  {
    rule: 'u26-30',
    run: (context) => {
      const steps = told(context);
      steps.resolve(0, 1);
      steps.ready(0, TOKEN_1);
      steps.ready(0, TOKEN_1, EALREADY);
    },
  },
  {
    rule: 'u26-31',
    run: (context) => {
      const [{ user }] = context.vm().vcpus;
      context.errno('KVM_ASYNC_PF with an argument that cannot be read', user.asyncPf('unreadable'), EFAULT);
    },
  },
  {
    rule: 'u26-32',
    needs: ['other-process'],
    run: (context) => {
      const { vm } = told(context);
      context.errno('READY from another process', vm.vcpus[0].user.fromOtherProcess({ kind: 'asyncPf', call: { gpa: vm.gpaOf(0), op: READY } }), EIO);
    },
  },
  {
    rule: 'u26-33',
    run: (context) => {
      const { vm } = new AsyncSteps(context, I4_NOT_ENABLED);
      const [{ user }] = vm.vcpus;
      context.errno('READY with flags', user.asyncPf({ gpa: vm.gpaOf(0), op: READY, flags: 1 }), EINVAL);
      context.errno('operation 0', user.asyncPf({ gpa: vm.gpaOf(0), op: 0 }), EINVAL);
      context.errno('READY', user.asyncPf({ gpa: vm.gpaOf(0), op: READY }), ENOENT);
    },
  },
  {
    rule: 'u26-35',
    run: (context) => {
      const vm = context.vm();
      context.errno('with flags', setEventfds(vm, { flags: 1 }), EINVAL);
      context.errno('with padding', setEventfds(vm, { padding: 1 }), EINVAL);
      context.errno('with a reserved word', setEventfds(vm, { reserved: 1 }), EINVAL);
      context.errno('with none of them', setEventfds(vm), 0);
    },
  },
  {
    rule: 'u26-36',
    run: (context) => {
      const vm = context.vm();
      for (const fd of [-2, -100]) context.errno(`fd ${fd}`, vm.vcpus[0].user.setEventfds({ fd, completeFd: vm.eventfd().fd }), EINVAL);
    },
  },
  {
    rule: 'u26-37',
    run: (context) => {
      const vm = context.vm();
      const { fd } = vm.eventfd();
      context.errno('one descriptor for both', vm.vcpus[0].user.setEventfds({ fd, completeFd: fd }), EINVAL);
    },
  },
  {
    rule: 'u26-38',
    run: (context) => {
      const vm = context.vm();
      const [{ user }] = vm.vcpus;
      const { fd } = vm.eventfd();
      context.errno('a notification eventfd that is not open', user.setEventfds({ fd: NOT_OPEN, completeFd: fd }), EBADF);
      context.errno('a completion eventfd that is not open', user.setEventfds({ fd, completeFd: NOT_OPEN }), EBADF);
    },
  },
  {
    rule: 'u26-39',
    run: (context) => {
      const steps = told(context);
      const { vm } = steps;
      context.errno('registering with a fault outstanding', setEventfds(vm), EBUSY);
      context.errno('-1 with a fault outstanding', vm.vcpus[0].user.setEventfds({ fd: -1, completeFd: -1 }), EBUSY);
      steps.resolve(0, 1);
      steps.ready(0, TOKEN_1);
      expectReady(context, vm.vcpus[0].guest, TOKEN_1);
      context.errno('registering with none', setEventfds(vm), 0);
    },
  },
  {
    rule: 'u26-40',
    run: (context) => {
      const { vm } = new AsyncSteps(context, I4);
      const [{ guest }] = vm.vcpus;
      guest.writeMsr(MSR_INT, BigInt(VECTOR));
      guest.writeMsr(MSR_EN, enableValue(guest, ENABLED | AS_INT));
      expectReady(context, guest, WAKE_ALL);
      guest.writeMsr(MSR_EN, enableValue(guest, ENABLED | AS_INT));
      context.errno('registering while the token word keeps a second wake-all event waiting', setEventfds(vm), EBUSY);
      acknowledge(guest);
      expectReady(context, guest, WAKE_ALL);
      context.errno('registering after it', setEventfds(vm), 0);
    },
  },
  {
    rule: 'u26-41',
    run: (context) => {
      const vm = context.vm({ vcpus: 2 });
      const completeFd = vm.eventfd().fd;
      const register = (vcpu: number): number => vm.vcpus[vcpu].user.setEventfds({ fd: vm.eventfd().fd, completeFd });
      context.errno('a completion eventfd on vCPU 0', register(0), 0);
      context.errno('the same on vCPU 1', register(1), EBUSY);
    },
  },
  {
    rule: 'u26-42',
    run: (context) => {
      const steps = new AsyncSteps(context, I4);
      context.errno('registering', setEventfds(steps.vm), 0);
      context.errno('fd -1', steps.vm.vcpus[0].user.setEventfds({ fd: -1, completeFd: NOT_OPEN }), 0);
      steps.enable().asyncExit(0, TOKEN_1);
      accept(steps, 0);
    },
  },
  {
    rule: 'u26-43',
    run: (context) => {
      const [{ user }] = context.vm().vcpus;
      context.errno('KVM_SET_APF_EVENTFD with an argument that cannot be read', user.setEventfds('unreadable'), EFAULT);
    },
  },
]);

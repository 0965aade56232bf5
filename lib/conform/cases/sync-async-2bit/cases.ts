/** Rules of the two-bit proposal. */
import { caseList, type ConformanceCase } from '../../case.js';
import {
  disablingForgets,
  mostOutstanding,
  noInterruptsPlainExit,
  notPresentFollows,
  outlastsReentry,
  perVcpu,
  preFaultFails,
  readyFromOtherThread,
  secondFaultHalts,
  tokenWordGates,
  unmarkedMaps,
  untellablePlainExit,
} from '../async/common.js';
import { AsyncSteps, type AsyncProtocol } from '../async/protocol.js';
import { EALREADY, EFAULT, EINVAL, EIO, ENOENT, TOKEN_1, expectAccess, expectNoReady, takeReady } from '../steps.js';

/** Memslot flags. */
const USERFAULT = 1 << 3;
const USERFAULT_ASYNC = 1 << 4;
const BOTH = USERFAULT | USERFAULT_ASYNC;
/** Bits of a page. */
const S = 1;
const A = 2;

const TWO_BITS: AsyncProtocol = {
  slotFlags: BOTH,
  marked: A,
  exitHasToken: false,
  prepare: () => undefined,
  accept: () => undefined,
  ready: (vm, vcpu, page) => vm.vcpus[vcpu].user.userfaultReady({ gpa: vm.gpaOf(page) }),
  gone: ENOENT,
};

/** A page with these bits is a plain exit, and the guest is never told of it. */
function synchronous(rule: string, bits: number): ConformanceCase {
  return {
    rule,
    run: (context) => {
      const steps = new AsyncSteps(context, TWO_BITS).enable();
      steps.vm.setBits(0, bits);
      steps.plainExit('the guest reads the page', { kind: 'load', page: 0 });
      steps.ready(0, 0, ENOENT);
      steps.resolve(0, 0x61);
      steps.expectDone(0x61);
      expectNoReady(context, steps.vm.vcpus[0].guest, 'for a page that the guest was not told of');
    },
  };
}

/** See the module's comment. */
export const syncAsyncTwoBitCases = caseList([
  unmarkedMaps('2b-01', TWO_BITS),
  synchronous('2b-02', S),
  synchronous('2b-03', S | A),
  {
    rule: '2b-04',
    run: (context) => {
      new AsyncSteps(context, TWO_BITS).enable().asyncExit(0, TOKEN_1);
    },
  },
  notPresentFollows('2b-05', TWO_BITS),
  outlastsReentry('2b-06', TWO_BITS),
  untellablePlainExit('2b-07', TWO_BITS),
  noInterruptsPlainExit('2b-08', TWO_BITS),
  mostOutstanding('2b-09', TWO_BITS),
  secondFaultHalts('2b-10', TWO_BITS),
  {
    rule: '2b-11',
    run: (context) => {
      const steps = new AsyncSteps(context, TWO_BITS).enable();
      const [{ guest }] = steps.vm.vcpus;
      steps.told(0, TOKEN_1);
      steps.vm.setBits(0, S | A);
      steps.plainExit('another task reads the page, now that it is synchronous', { kind: 'load', page: 0 });
      steps.resolve(0, 0x62);
      steps.expectDone(0x62);
      expectNoReady(context, guest, 'before READY');
      steps.ready(0, TOKEN_1);
      takeReady(context, guest, TOKEN_1);
    },
  },
  perVcpu('2b-12', TWO_BITS),
  readyFromOtherThread('2b-13', TWO_BITS),
  {
    rule: '2b-14',
    run: (context) => {
      const steps = new AsyncSteps(context, TWO_BITS).enable();
      steps.ready(0, 0, ENOENT);
      steps.told(0, TOKEN_1);
      steps.ready(1, 0, ENOENT);
      context.errno('READY of a page of no slot', steps.vm.vcpus[0].user.userfaultReady({ gpa: 0x7000_0000 }), ENOENT);
      steps.resolve(0, 1);
      steps.ready(0, TOKEN_1);
      steps.ready(0, TOKEN_1, EALREADY);
      takeReady(context, steps.vm.vcpus[0].guest, TOKEN_1);
      steps.ready(0, TOKEN_1, ENOENT);
    },
  },
  {
    rule: '2b-15',
    run: (context) => {
      const steps = new AsyncSteps(context, TWO_BITS).enable();
      const { vm } = steps;
      steps.told(0, TOKEN_1);
      for (const flags of [1, 0x8000_0000]) context.errno(`READY with flags 0x${flags.toString(16)}`, vm.vcpus[0].user.userfaultReady({ gpa: vm.gpaOf(0), flags }), EINVAL);
      steps.ready(0, TOKEN_1);
    },
  },
  {
    rule: '2b-16',
    run: (context) => {
      const steps = new AsyncSteps(context, TWO_BITS).enable();
      const { vm } = steps;
      steps.told(0, TOKEN_1);
      for (const offset of [1, 8, 4095]) context.errno(`READY of byte ${offset} of the page`, vm.vcpus[0].user.userfaultReady({ gpa: vm.gpaOf(0) + offset }), EINVAL);
      steps.ready(0, TOKEN_1);
    },
  },
  {
    rule: '2b-17',
    run: (context) => {
      const steps = new AsyncSteps(context, TWO_BITS).enable();
      const { vm } = steps;
      steps.told(0, TOKEN_1);
      context.errno('READY with an argument that cannot be read', vm.vcpus[0].user.userfaultReady('unreadable'), EFAULT);
      if (context.lacks('other-process') !== undefined) return;
      context.errno('READY from another process', vm.vcpus[0].user.fromOtherProcess({ kind: 'userfaultReady', call: { gpa: vm.gpaOf(0) } }), EIO);
    },
  },
  {
    rule: '2b-18',
    run: (context) => {
      const vm = context.vm();
      context.errno('KVM_MEM_USERFAULT_ASYNC alone, on a new slot', vm.trySlot({ flags: USERFAULT_ASYNC, pages: 64, bitmap: vm.spareBitmap }), EINVAL);
      context.errno('KVM_MEM_USERFAULT_ASYNC alone, on a slot that is there', vm.setFlags(USERFAULT_ASYNC), EINVAL);
      context.errno('both', vm.setFlags(BOTH), 0);
    },
  },
  {
    rule: '2b-19',
    run: (context) => {
      const vm = context.vm();
      context.errno('both flags', vm.setFlags(BOTH), 0);
      context.errno('KVM_MEM_USERFAULT_ASYNC is cleared alone', vm.setFlags(USERFAULT), EINVAL);
      context.errno('both are cleared', vm.setFlags(0), 0);
      context.errno('KVM_MEM_USERFAULT is set', vm.setFlags(USERFAULT), 0);
      context.errno('KVM_MEM_USERFAULT_ASYNC is set as well', vm.setFlags(BOTH), EINVAL);
    },
  },
  {
    rule: '2b-20',
    run: (context) => {
      const vm = context.vm();
      const bad: [string, bigint][] = [
        ['an address in the kernel', 0xffff_8000_0000_0000n],
        ['a tagged address', vm.spareBitmap | (1n << 62n)],
        ['an address from which one bit a page is in user space, and two are not', (1n << 56n) - 24n],
      ];
      for (const [what, bitmap] of bad) context.errno(`a bitmap at ${what}`, vm.trySlot({ flags: BOTH, pages: 128, bitmap }), EINVAL);
      context.errno('a bitmap in user space', vm.trySlot({ flags: BOTH, pages: 128, bitmap: vm.spareBitmap }), 0);
    },
  },
  {
    rule: '2b-21',
    run: (context) => {
      const steps = new AsyncSteps(context, TWO_BITS).enable();
      const { vm } = steps;
      vm.hideBitmap();
      vm.vcpus[0].guest.begin({ kind: 'load', page: 0 });
      context.expect('the guest reads a page whose bits cannot be read', vm.vcpus[0].guest.run(), { kind: 'bareEfault' });
    },
  },
  {
    rule: '2b-22',
    run: (context) => {
      const steps = new AsyncSteps(context, { ...TWO_BITS, slotFlags: USERFAULT }, { pages: 0 }).enable();
      // Bits 0 and 1 of the first word: of pages 0 and 1, where a page has one.
      steps.vm.setBits(0, S | A);
      steps.plainExit('the guest reads page 0', { kind: 'load', page: 0 });
      steps.plainExit('the guest reads page 1', { kind: 'load', page: 1 });
      steps.vm.fill(2, 0x63);
      expectAccess(context, steps.vm.vcpus[0].guest, 2, 0x63);
    },
  },
  {
    rule: '2b-23',
    run: (context) => {
      const steps = new AsyncSteps(context, TWO_BITS, { pages: 0 }).enable();
      const { vm } = steps;
      const [{ guest }] = vm.vcpus;
      for (const [page, bits] of [S, A].entries()) {
        vm.fill(page, page);
        expectAccess(context, guest, page, page);
        vm.setBits(page, bits);
        expectAccess(context, guest, page, page);
      }
      context.errno('both flags are cleared', vm.setFlags(0), 0);
      context.errno('and set again', vm.setFlags(BOTH), 0);
      steps.plainExit('the guest reads the page that was marked synchronous', { kind: 'load', page: 0 });
      steps.asyncExit(1, TOKEN_1);
    },
  },
  {
    rule: '2b-24',
    run: (context) => {
      const steps = new AsyncSteps(context, TWO_BITS).enable();
      steps.vm.setBits(0, S);
      steps.plainExit('the guest reads the page, which was made synchronous', { kind: 'load', page: 0 });
      steps.vm.setBits(0, A);
      steps.asyncExit(0, TOKEN_1);
    },
  },
  {
    rule: '2b-25',
    run: (context) => {
      const steps = new AsyncSteps(context, TWO_BITS).enable();
      const [{ guest }] = steps.vm.vcpus;
      steps.told(0, TOKEN_1);
      const task = guest.suspend();
      steps.resolve(0, 0x64);
      steps.ready(0, TOKEN_1);
      takeReady(context, guest, TOKEN_1);
      guest.resume(task);
      steps.expectDone(0x64);
    },
  },
  disablingForgets('2b-26', TWO_BITS),
  preFaultFails('2b-27', TWO_BITS),
  {
    rule: '2b-28',
    run: (context) => {
      const vm = context.vm();
      context.equal('KVM_CHECK_EXTENSION says 1 or more', vm.checkCapability('userfault-async') > 0, true);
      for (const args of [[], [1]]) context.errno('KVM_ENABLE_CAP on the VM', vm.enableCap('userfault-async', args), EINVAL);
      context.errno('KVM_ENABLE_CAP on the vCPU', vm.vcpus[0].user.enableCap('userfault-async', [1]), EINVAL);
    },
  },
  tokenWordGates('2b-29', TWO_BITS),
]);

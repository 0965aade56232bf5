/** Rules of a stock kernel: ready events and the protocol's MSRs. */
import { caseList, type CaseContext } from '../../case.js';
import type { ConformanceVm } from '../../vm.js';
import {
  AS_INT,
  ENABLED,
  MSR_ACK,
  MSR_EN,
  MSR_INT,
  TOKEN_1,
  TOKEN_2,
  VECTOR,
  WAKE_ALL,
  acknowledge,
  enable,
  enableValue,
  expectNoReady,
  expectReady,
  isNotPresent,
  takeReady,
} from '../steps.js';

const OTHER_VECTOR = 0x61;
const NO_MEMORY_GPA = 0x7000_0000n;

/** A guest that was told of the first `pages` pages. */
function told(context: CaseContext, pages: number): ConformanceVm {
  const vm = context.vm();
  const [{ guest }] = vm.vcpus;
  enable(context, guest);
  for (let page = 0; page < pages; page++) {
    vm.setHostPage(page, 'sleeps');
    guest.begin({ kind: 'load', page });
    isNotPresent(context, guest.run(), (page + 1) << 12);
  }
  return vm;
}

/** See the module's comment. */
export const stockEventCases = caseList([
  {
    rule: 'st-10',
    run: (context) => {
      const vm = told(context, 1);
      const [{ guest }] = vm.vcpus;
      const task = guest.suspend();
      expectNoReady(context, guest, 'before the page is there');
      vm.provide(0, 0x12);
      takeReady(context, guest, TOKEN_1);
      guest.resume(task);
      context.expect('the access is made', guest.run(), { kind: 'done', value: 0x12 });
    },
  },
  {
    rule: 'st-11',
    run: (context) => {
      const vm = context.vm();
      const [{ guest }] = vm.vcpus;
      vm.setHostPage(0, 'sleeps');
      guest.begin({ kind: 'load', page: 0 });
      context.expect('the vCPU halts for a page that the guest is not told of', guest.runBriefly(), { kind: 'stays' });
      vm.interrupt(0, OTHER_VECTOR);
      context.expect('it takes an interrupt', guest.run(), { kind: 'event', vector: OTHER_VECTOR });
      const task = guest.suspend();
      enable(context, guest);
      vm.provide(0, 0x23);
      expectNoReady(context, guest, 'for that page');
      guest.resume(task);
      context.expect('the access is made', guest.run(), { kind: 'done', value: 0x23 });
    },
  },
  {
    rule: 'st-12',
    run: (context) => {
      const vm = told(context, 2);
      const [{ guest }] = vm.vcpus;
      vm.provide(0, 1);
      expectReady(context, guest, TOKEN_1);
      vm.provide(1, 1);
      expectNoReady(context, guest, 'while the token word is not 0');
      context.equal('the token word', guest.tokenWord, TOKEN_1);
      acknowledge(guest);
      expectReady(context, guest, TOKEN_2);
    },
  },
  {
    rule: 'st-13',
    run: (context) => {
      const vm = told(context, 3);
      const [{ guest }] = vm.vcpus;
      vm.provide(2, 1);
      expectReady(context, guest, 3 << 12);
      for (const page of [1, 0]) {
        vm.provide(page, 1);
        expectNoReady(context, guest, 'while the token word is not 0');
      }
      acknowledge(guest);
      takeReady(context, guest, TOKEN_2);
      takeReady(context, guest, TOKEN_1);
    },
  },
  {
    rule: 'st-14',
    run: (context) => {
      const vm = context.vm();
      const [{ guest }] = vm.vcpus;
      enable(context, guest);
      expectNoReady(context, guest, 'after the one wake-all event');
      guest.writeMsr(MSR_EN, enableValue(guest, ENABLED | AS_INT));
      takeReady(context, guest, WAKE_ALL);
    },
  },
  {
    rule: 'st-15',
    run: (context) => {
      const vm = told(context, 2);
      const [{ guest }] = vm.vcpus;
      vm.provide(0, 1);
      expectReady(context, guest, TOKEN_1);
      vm.provide(1, 1);
      expectNoReady(context, guest, 'while the token word is not 0');
      guest.writeMsr(MSR_EN, enableValue(guest, ENABLED | AS_INT));
      acknowledge(guest);
      takeReady(context, guest, TOKEN_2);
      expectNoReady(context, guest, 'after it: no wake-all event');
    },
  },
  {
    rule: 'st-16',
    run: async (context) => {
      const vm = told(context, 1);
      const [{ guest }] = vm.vcpus;
      await vm.whileOtherThreadProvides(0, 1, () => {
        context.equal('the guest disables async page faults', guest.writeMsr(MSR_EN, 0n), 'done');
        context.equal('and enables them again', guest.writeMsr(MSR_EN, enableValue(guest, ENABLED | AS_INT)), 'done');
      });
      takeReady(context, guest, WAKE_ALL);
      expectNoReady(context, guest, 'for what was outstanding before');
      vm.setHostPage(0, 'sleeps');
      guest.begin({ kind: 'load', page: 0 });
      isNotPresent(context, guest.run(), TOKEN_2);
      vm.provide(0, 1);
      takeReady(context, guest, TOKEN_2);
    },
  },
  {
    rule: 'st-17',
    run: (context) => {
      const [{ guest }] = context.vm().vcpus;
      for (const bit of [0x10, 0x20]) {
        context.equal(`MSR_KVM_ASYNC_PF_EN with bit 0x${bit.toString(16)}`, guest.writeMsr(MSR_EN, enableValue(guest, ENABLED | AS_INT | bit)), '#GP');
      }
      context.equal('MSR_KVM_ASYNC_PF_INT with a vector of nine bits', guest.writeMsr(MSR_INT, 0x100n), '#GP');
      context.equal('MSR_KVM_ASYNC_PF_INT with bit 32', guest.writeMsr(MSR_INT, 1n << 32n), '#GP');
      context.equal('MSR_KVM_ASYNC_PF_INT with a vector', guest.writeMsr(MSR_INT, BigInt(VECTOR)), 'done');
    },
  },
  {
    rule: 'st-18',
    run: (context) => {
      const [{ guest }] = context.vm().vcpus;
      context.equal('an area where there is no memory', guest.writeMsr(MSR_EN, NO_MEMORY_GPA | BigInt(ENABLED | AS_INT)), '#GP');
      context.equal('an area in memory', guest.writeMsr(MSR_EN, enableValue(guest, ENABLED | AS_INT)), 'done');
    },
  },
  {
    rule: 'st-19',
    run: (context) => {
      const [{ guest }] = context.vm().vcpus;
      enable(context, guest);
      context.equal('MSR_KVM_ASYNC_PF_EN', guest.readMsr(MSR_EN), enableValue(guest, ENABLED | AS_INT));
      context.equal('MSR_KVM_ASYNC_PF_INT', guest.readMsr(MSR_INT), BigInt(VECTOR));
      context.equal('MSR_KVM_ASYNC_PF_ACK', guest.readMsr(MSR_ACK), 0n);
    },
  },
]);

/** Rules of a stock kernel: what a fault on a page that is not there comes to. */
import { caseList } from '../../case.js';
import { AS_INT, ENABLED, MOST_OUTSTANDING, MSR_EN, MSR_INT, SEND_ALWAYS, TOKEN_1, TOKEN_1_OF_VCPU_1, TOKEN_2, VECTOR, enable, enableValue, expectAccess, expectNoReady, isNotPresent, acknowledge } from '../steps.js';

const OTHER_VECTOR = 0x61;

/** See the module's comment. */
export const stockFaultCases = caseList([
  {
    rule: 'st-01',
    run: (context) => {
      const vm = context.vm();
      const [{ guest }] = vm.vcpus;
      enable(context, guest);
      vm.fill(0, 0x11);
      expectAccess(context, guest, 0, 0x11);
    },
  },
  {
    rule: 'st-02',
    run: (context) => {
      const vm = context.vm();
      const [{ guest }] = vm.vcpus;
      enable(context, guest);
      vm.setHostPage(0, 'sleeps');
      guest.begin({ kind: 'load', page: 0 });
      isNotPresent(context, guest.run(), TOKEN_1);
    },
  },
  {
    rule: 'st-03',
    run: (context) => {
      const vm = context.vm({ vcpus: 2 });
      const [first, second] = vm.vcpus.map(({ guest }) => guest);
      for (const guest of [first, second]) enable(context, guest);
      for (const page of [0, 1]) vm.setHostPage(page, 'sleeps');
      first.begin({ kind: 'load', page: 0 });
      isNotPresent(context, first.run(), TOKEN_1);
      first.begin({ kind: 'load', page: 1 });
      isNotPresent(context, first.run(), TOKEN_2);
      second.begin({ kind: 'load', page: 0 });
      isNotPresent(context, second.run(), TOKEN_1_OF_VCPU_1);
    },
  },
  {
    rule: 'st-04',
    run: (context) => {
      for (const bits of [ENABLED, AS_INT]) {
        context.note(`MSR_KVM_ASYNC_PF_EN with bits ${bits} alone`);
        const vm = context.vm();
        const [{ guest }] = vm.vcpus;
        guest.writeMsr(MSR_INT, BigInt(VECTOR));
        context.equal('the guest writes it', guest.writeMsr(MSR_EN, enableValue(guest, bits)), 'done');
        vm.setHostPage(0, 'sleeps');
        guest.begin({ kind: 'load', page: 0 });
        context.expect('the guest is told nothing', guest.runBriefly(), { kind: 'stays' });
        vm.provide(0, 0x22);
        context.expect('it goes on when the page is there', guest.run(), { kind: 'done', value: 0x22 });
      }
    },
  },
  {
    rule: 'st-05',
    needs: ['cpl0-faults'],
    run: (context) => {
      const vm = context.vm();
      const [{ guest }] = vm.vcpus;
      enable(context, guest);
      vm.setHostPage(0, 'sleeps');
      guest.begin({ kind: 'load', page: 0, cpl: 0 });
      context.expect('the guest is told nothing', guest.runBriefly(), { kind: 'stays' });
      vm.provide(0, 0x22);
      context.expect('it goes on when the page is there', guest.run(), { kind: 'done', value: 0x22 });
      enable(context, guest, SEND_ALWAYS);
      vm.setHostPage(1, 'sleeps');
      guest.begin({ kind: 'load', page: 1, cpl: 0 });
      isNotPresent(context, guest.run(), TOKEN_2);
    },
  },
  {
    rule: 'st-06',
    run: (context) => {
      const vm = context.vm();
      const [{ guest }] = vm.vcpus;
      vm.setHostPage(0, 'sleeps');
      guest.begin({ kind: 'load', page: 0 });
      context.expect('the vCPU halts', guest.runBriefly(), { kind: 'stays' });
      vm.interrupt(0, OTHER_VECTOR);
      context.expect('it takes an interrupt', guest.run(), { kind: 'event', vector: OTHER_VECTOR });
      context.expect('it halts again when the handler returns', guest.runBriefly(), { kind: 'stays' });
      vm.provide(0, 0x33);
      context.expect('it goes on when the page is there', guest.run(), { kind: 'done', value: 0x33 });
    },
  },
  {
    rule: 'st-07',
    run: (context) => {
      const vm = context.vm();
      const [{ guest }] = vm.vcpus;
      enable(context, guest);
      vm.setHostPage(0, 'sleeps');
      guest.begin({ kind: 'load', page: 0, interrupts: false });
      context.expect('the vCPU sleeps, and the guest is told nothing', guest.runBriefly(), { kind: 'stays' });
      vm.provide(0, 0x44);
      context.expect('it goes on when the page is there', guest.run(), { kind: 'done', value: 0x44 });
      expectNoReady(context, guest, 'for a page that the guest was not told of');
    },
  },
  {
    rule: 'st-08',
    run: (context) => {
      const vm = context.vm();
      const [{ guest }] = vm.vcpus;
      enable(context, guest);
      vm.setHostPage(0, 'sleeps');
      guest.begin({ kind: 'load', page: 0 });
      isNotPresent(context, guest.run(), TOKEN_1);
      guest.begin({ kind: 'load', page: 0 });
      context.expect('another task that touches the page halts the vCPU', guest.runBriefly(), { kind: 'stays' });
      vm.provide(0, 0x55);
      context.expect('the one event that is due comes', guest.run(), { kind: 'event', vector: VECTOR, tokenWord: TOKEN_1 });
      acknowledge(guest);
      context.expect('the access is made', guest.run(), { kind: 'done', value: 0x55 });
    },
  },
  {
    rule: 'st-09',
    run: (context) => {
      const vm = context.vm();
      const [{ guest }] = vm.vcpus;
      enable(context, guest);
      for (let page = 0; page <= MOST_OUTSTANDING; page++) vm.setHostPage(page, 'sleeps');
      for (let page = 0; page < MOST_OUTSTANDING; page++) {
        guest.begin({ kind: 'load', page });
        isNotPresent(context, guest.run(), (page + 1) << 12);
      }
      guest.begin({ kind: 'load', page: MOST_OUTSTANDING });
      context.expect('the 65th is told to nobody', guest.runBriefly(), { kind: 'stays' });
      vm.provide(MOST_OUTSTANDING, 0x66);
      context.expect('its vCPU goes on when the page is there', guest.run(), { kind: 'done', value: 0x66 });
    },
  },
  {
    rule: 'st-20',
    run: (context) => {
      const vm = context.vm();
      const [{ guest }] = vm.vcpus;
      enable(context, guest);
      vm.setHostPage(0, 'fails');
      guest.begin({ kind: 'load', page: 0, interrupts: false });
      context.expect('KVM_RUN fails', guest.run(), { kind: 'bareEfault', exitReason: 0 });
    },
  },
  {
    rule: 'st-21',
    run: (context) => {
      const vm = context.vm();
      const [{ guest }] = vm.vcpus;
      enable(context, guest);
      vm.setHostPage(0, 'fails');
      guest.begin({ kind: 'load', page: 0 });
      for (const turn of [1, 2, 3]) {
        isNotPresent(context, guest.run(), turn << 12);
        context.expect('the guest is told that the page is ready, which it is not', guest.run(), { kind: 'event', vector: VECTOR, tokenWord: turn << 12 });
        acknowledge(guest);
      }
    },
  },
  {
    rule: 'st-22',
    needs: ['pre-fault'],
    run: (context) => {
      const vm = context.vm();
      const [{ guest, user }] = vm.vcpus;
      enable(context, guest);
      vm.setHostPage(0, 'sleeps');
      context.equal('KVM_PRE_FAULT_MEMORY of a page that takes sleep', user.preFault(0), 'sleeps');
      vm.provide(0, 0x77);
      expectNoReady(context, guest, 'for a page that was fetched ahead');
    },
  },
  {
    rule: 'st-23',
    needs: ['reset'],
    run: async (context) => {
      const vm = context.vm();
      const [{ guest, user }] = vm.vcpus;
      enable(context, guest);
      vm.setHostPage(0, 'sleeps');
      guest.begin({ kind: 'load', page: 0 });
      isNotPresent(context, guest.run(), TOKEN_1);
      await vm.whileOtherThreadProvides(0, 0x88, () => {
        user.reset();
      });
      context.equal('MSR_KVM_ASYNC_PF_EN after a reset', guest.readMsr(MSR_EN), 0n);
      guest.clearToken();
      enable(context, guest);
      expectNoReady(context, guest, 'for what was outstanding before the reset');
    },
  },
]);

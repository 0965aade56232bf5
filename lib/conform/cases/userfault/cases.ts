/** Rules of KVM Userfault. */
import { caseList, type CaseContext } from '../../case.js';
import type { ConformanceVm } from '../../vm.js';
import { EFAULT, EINVAL, enable, expectAccess } from '../steps.js';

/** KVM_MEM_USERFAULT. */
const USERFAULT = 1 << 3;
/** KVM_MEM_LOG_DIRTY_PAGES. */
const LOG_DIRTY_PAGES = 1 << 0;
const PAGE_BYTES = 4096;
const MARKED = 1;

/** A VM whose slot is intercepted where `pages` are marked. */
function intercepting(context: CaseContext, pages: readonly number[], vcpus: 1 | 2 = 1): ConformanceVm {
  const vm = context.vm({ vcpus });
  for (const page of pages) vm.setBits(page, MARKED);
  context.errno('KVM_MEM_USERFAULT is set', vm.setFlags(USERFAULT), 0);
  return vm;
}

/** What an exit of a marked page says, all of it. */
function exitOf(vm: ConformanceVm, page: number): { kind: 'memoryFault'; errno: number; flags: number; gpa: number; sizeBytes: number } {
  return { kind: 'memoryFault', errno: EFAULT, flags: 0x10, gpa: vm.gpaOf(page), sizeBytes: PAGE_BYTES };
}

/** See the module's comment. */
export const userfaultCases = caseList([
  {
    rule: 'uf-01',
    run: (context) => {
      const vm = context.vm();
      context.equal('KVM_CHECK_EXTENSION says 1 or more', vm.checkCapability('userfault') > 0, true);
      context.errno('KVM_ENABLE_CAP of it', vm.enableCap('userfault', [1]), EINVAL);
    },
  },
  {
    rule: 'uf-02',
    run: (context) => {
      const vm = intercepting(context, [3]);
      const [{ guest }] = vm.vcpus;
      guest.begin({ kind: 'load', page: 3 });
      context.expect('the guest reads a marked page', guest.run(), exitOf(vm, 3));
    },
  },
  {
    rule: 'uf-03',
    run: (context) => {
      const vm = intercepting(context, [1]);
      vm.fill(0, 0x31);
      expectAccess(context, vm.vcpus[0].guest, 0, 0x31);
    },
  },
  {
    rule: 'uf-04',
    run: (context) => {
      const vm = intercepting(context, [1, 63, 64, 66]);
      const [{ guest }] = vm.vcpus;
      for (const page of [0, 2, 62, 65, 67]) {
        vm.fill(page, page);
        expectAccess(context, guest, page, page);
      }
      for (const page of [1, 63, 64, 66]) {
        guest.begin({ kind: 'load', page });
        context.expect(`the guest reads page ${page}, which is marked`, guest.run(), exitOf(vm, page));
      }
    },
  },
  {
    rule: 'uf-05',
    run: (context) => {
      const vm = intercepting(context, [0, 1, 2]);
      const [{ guest }] = vm.vcpus;
      for (const [page, kind] of (['load', 'store', 'fetch'] as const).entries()) {
        guest.begin({ kind, page });
        context.expect(`a ${kind} of a marked page`, guest.run(), exitOf(vm, page));
        vm.fill(page, 0);
        vm.setBits(page, 0);
        context.expect(`the ${kind} is made`, guest.run(), { kind: 'done' });
      }
    },
  },
  {
    rule: 'uf-06',
    run: (context) => {
      const marked = [0, 5, 64];
      const vm = intercepting(context, marked);
      const [{ guest }] = vm.vcpus;
      guest.begin({ kind: 'load', page: 5 });
      context.expect('the guest reads a marked page', guest.run(), exitOf(vm, 5));
      for (let page = 0; page < 72; page++) context.equal(`bit of page ${page} after the exit`, vm.bits(page), marked.includes(page) ? 1 : 0);
    },
  },
  {
    rule: 'uf-07',
    run: (context) => {
      const vm = intercepting(context, [0]);
      const [{ guest }] = vm.vcpus;
      guest.begin({ kind: 'load', page: 0 });
      for (const turn of [1, 2, 3]) context.expect(`entry ${turn} with the bit still set`, guest.run(), exitOf(vm, 0));
    },
  },
  {
    rule: 'uf-08',
    run: (context) => {
      const vm = intercepting(context, [0]);
      const [{ guest }] = vm.vcpus;
      guest.begin({ kind: 'load', page: 0 });
      context.expect('the guest reads a marked page', guest.run(), exitOf(vm, 0));
      vm.fill(0, 0x5a);
      vm.setBits(0, 0);
      context.expect('the guest goes on with the contents', guest.run(), { kind: 'done', value: 0x5a });
    },
  },
  {
    rule: 'uf-09',
    run: (context) => {
      const vm = intercepting(context, []);
      const [{ guest }] = vm.vcpus;
      vm.fill(0, 0x21);
      expectAccess(context, guest, 0, 0x21);
      vm.setBits(0, MARKED);
      expectAccess(context, guest, 0, 0x21);
    },
  },
  {
    rule: 'uf-10',
    run: (context) => {
      const vm = intercepting(context, []);
      const [{ guest }] = vm.vcpus;
      vm.fill(0, 0x21);
      expectAccess(context, guest, 0, 0x21);
      vm.setBits(0, MARKED);
      context.errno('KVM_MEM_USERFAULT is cleared', vm.setFlags(0), 0);
      context.errno('and set again', vm.setFlags(USERFAULT), 0);
      guest.begin({ kind: 'load', page: 0 });
      context.expect('the guest reads the page, which was mapped before', guest.run(), exitOf(vm, 0));
    },
  },
  {
    rule: 'uf-11',
    run: (context) => {
      const vm = intercepting(context, [1]);
      const [{ guest }] = vm.vcpus;
      vm.fill(0, 0x21);
      expectAccess(context, guest, 0, 0x21);
      vm.setBits(0, MARKED);
      context.errno('the same flags once more', vm.setFlags(USERFAULT), 0);
      expectAccess(context, guest, 0, 0x21);
      context.errno('the same flags, and another bitmap in which nothing is marked', vm.setFlags(USERFAULT, vm.spareBitmap), 0);
      expectAccess(context, guest, 0, 0x21);
      guest.begin({ kind: 'load', page: 1 });
      context.expect('the guest reads a page that the first bitmap marks', guest.run(), exitOf(vm, 1));
    },
  },
  {
    rule: 'uf-12',
    run: (context) => {
      const vm = context.vm();
      vm.setBits(0, MARKED);
      vm.fill(0, 0x77);
      expectAccess(context, vm.vcpus[0].guest, 0, 0x77);
    },
  },
  {
    rule: 'uf-13',
    run: (context) => {
      const vm = context.vm();
      const bad: [string, bigint][] = [
        ['an address in the kernel', 0xffff_8000_0000_0000n],
        ['a tagged address', vm.spareBitmap | (1n << 62n)],
        ['an address whose last word leaves user space', (1n << 56n) - 8n],
      ];
      for (const [what, bitmap] of bad) context.errno(`a bitmap at ${what}`, vm.trySlot({ flags: USERFAULT, pages: 128, bitmap }), EINVAL);
      context.errno('a bitmap in user space', vm.trySlot({ flags: USERFAULT, pages: 128, bitmap: vm.spareBitmap }), 0);
    },
  },
  {
    rule: 'uf-14',
    run: (context) => {
      const vm = intercepting(context, []);
      const [{ guest }] = vm.vcpus;
      vm.hideBitmap();
      guest.begin({ kind: 'load', page: 0 });
      context.expect('the guest reads a page whose bit cannot be read', guest.run(), { kind: 'bareEfault' });
    },
  },
  {
    rule: 'uf-15',
    run: (context) => {
      const vm = intercepting(context, [0], 2);
      for (const [index, { guest }] of vm.vcpus.entries()) {
        guest.begin({ kind: 'load', page: 0 });
        context.expect(`vCPU ${index} reads a marked page`, guest.run(), exitOf(vm, 0));
      }
    },
  },
  {
    rule: 'uf-16',
    run: (context) => {
      const vm = intercepting(context, [0], 2);
      for (const { guest } of vm.vcpus) {
        guest.begin({ kind: 'load', page: 0 });
        context.expect('a vCPU reads a marked page', guest.run(), exitOf(vm, 0));
      }
      vm.fill(0, 0x66);
      vm.setBits(0, 0);
      for (const [index, { guest }] of vm.vcpus.entries()) context.expect(`vCPU ${index} re-enters`, guest.run(), { kind: 'done', value: 0x66 });
    },
  },
  {
    rule: 'uf-17',
    run: (context) => {
      const vm = intercepting(context, [0]);
      const [{ guest }] = vm.vcpus;
      enable(context, guest);
      guest.begin({ kind: 'load', page: 0 });
      context.expect('the guest reads a marked page', guest.run(), exitOf(vm, 0));
      vm.fill(0, 0x19);
      vm.setBits(0, 0);
      context.expect('it goes on, and was never told', guest.run(), { kind: 'done', value: 0x19 });
    },
  },
  {
    rule: 'uf-18',
    run: (context) => {
      const vm = intercepting(context, [0, 1]);
      const [{ guest }] = vm.vcpus;
      guest.begin({ kind: 'load', page: 0, interrupts: false });
      context.expect('the guest reads a marked page with interrupts off', guest.run(), exitOf(vm, 0));
      if (context.lacks('cpl0-faults') !== undefined) return;
      guest.begin({ kind: 'load', page: 1, cpl: 0 });
      context.expect('the guest reads a marked page at CPL 0', guest.run(), exitOf(vm, 1));
    },
  },
  {
    rule: 'uf-19',
    needs: ['pre-fault'],
    run: (context) => {
      const vm = intercepting(context, [0]);
      const [{ guest, user }] = vm.vcpus;
      context.errno('KVM_PRE_FAULT_MEMORY of a page that is not marked', user.preFault(1), 0);
      context.errno('KVM_PRE_FAULT_MEMORY of a marked page', user.preFault(0), EFAULT);
      guest.begin({ kind: 'load', page: 0 });
      context.expect('the guest reads it', guest.run(), exitOf(vm, 0));
    },
  },
  {
    rule: 'uf-20',
    needs: ['guest-memfd'],
    run: (context) => {
      const vm = context.vm();
      context.errno('KVM_MEM_USERFAULT on a slot with guest_memfd', vm.tryGuestMemfd({ flags: USERFAULT, gpaDelta: 0 }), 0);
      context.errno('KVM_MEM_LOG_DIRTY_PAGES on it', vm.tryGuestMemfd({ flags: LOG_DIRTY_PAGES, gpaDelta: 0 }), EINVAL);
      context.errno('a move of it', vm.tryGuestMemfd({ flags: 0, gpaDelta: 1 << 21 }), EINVAL);
    },
  },
]);

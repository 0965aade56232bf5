/** Rules of exitless delivery. */
import { caseList } from '../../case.js';
import { EALREADY, MSR_EN, TOKEN_1, TOKEN_2, VECTOR, acknowledge, enable, expectNoReady, isNotPresent, takeReady } from '../steps.js';
import { accept } from './protocol.js';
import { ARMED, ENTRIES, RingSteps, Word } from './ring-page.js';

/** Far from every index there is. */
const MADE_UP = 0x4000_0000;

/** A fault that is published, completed on the ring, and told. */
async function roundTrip(steps: RingSteps, page: number, index: number): Promise<void> {
  steps.published(page, (index + 1) << 12, index);
  steps.push(steps.vm.gpaOf(page));
  await steps.drain();
  takeReady(steps.context, steps.vm.vcpus[0].guest, (index + 1) << 12);
}

/** See the module's comment. */
export const ringCases = caseList([
  {
    rule: 'u26-44',
    run: (context) => {
      const steps = new RingSteps(context);
      const wanted: [number, number][] = [
        [Word.VERSION, 1],
        [Word.RING_SIZE, 64],
        [Word.ENTRY_SIZE, 16],
        [Word.FLAGS, 0],
        [Word.NOTIFY_HEAD, 0],
        [Word.NOTIFY_TAIL, 0],
        [Word.COMPLETE_HEAD, 0],
        [Word.COMPLETE_TAIL, 0],
      ];
      for (const [word, value] of wanted) context.equal(`byte ${word * 4} of the page`, steps.word(word), value);
    },
  },
  {
    rule: 'u26-45',
    run: async (context) => {
      const steps = new RingSteps(context);
      steps.enable();
      await roundTrip(steps, 0, 0);
      steps.register();
      const words = steps.vm.vcpus[0].user.sharedPage();
      for (const word of [Word.NOTIFY_HEAD, Word.NOTIFY_TAIL, Word.COMPLETE_HEAD, Word.COMPLETE_TAIL]) context.equal(`byte ${word * 4} of the page, mapped anew`, Atomics.load(words, word), 0);
    },
  },
  {
    rule: 'u26-46',
    run: (context) => {
      const steps = new RingSteps(context);
      steps.enable();
      steps.published(0, TOKEN_1, 0);
      steps.published(1, TOKEN_2, 1);
    },
  },
  {
    rule: 'u26-47',
    run: (context) => {
      const steps = new RingSteps(context);
      steps.enable();
      steps.published(0, TOKEN_1, 0);
      expectNoReady(context, steps.vm.vcpus[0].guest, 'before the completion');
      steps.ready(0, TOKEN_1);
      takeReady(context, steps.vm.vcpus[0].guest, TOKEN_1);
    },
  },
  {
    rule: 'u26-48',
    run: async (context) => {
      const steps = new RingSteps(context);
      const [{ guest }] = steps.vm.vcpus;
      guest.begin({ kind: 'load', page: 0 });
      context.expect('the vCPU of a guest that has enabled nothing halts', guest.runBriefly(), { kind: 'stays' });
      context.equal('notify.head', steps.word(Word.NOTIFY_HEAD), 1);
      steps.resolve(0, 0x51);
      steps.push(steps.vm.gpaOf(0));
      await steps.drain();
      steps.expectDone(0x51);
    },
  },
  {
    rule: 'u26-49',
    run: (context) => {
      const steps = new RingSteps(context);
      steps.enable();
      steps.published(0, TOKEN_1, 0);
      context.equal('signals while NOTIFY_ARMED is not set', steps.notify.take(), 0);
      steps.setWord(Word.FLAGS, ARMED);
      steps.published(1, TOKEN_2, 1);
      context.equal('signals after NOTIFY_ARMED was set', steps.notify.take(), 1);
      context.equal('flags of the header after that', steps.word(Word.FLAGS), 0);
    },
  },
  {
    rule: 'u26-50',
    run: async (context) => {
      const steps = new RingSteps(context, { pages: ENTRIES + 1 });
      steps.enable();
      for (let page = 0; page < ENTRIES; page++) await roundTrip(steps, page, page);
      steps.asyncExit(ENTRIES, 0);
      accept(steps, ENTRIES);
      isNotPresent(context, steps.vm.vcpus[0].guest.run(), (ENTRIES + 1) << 12);
      expectNoReady(context, steps.vm.vcpus[0].guest, 'before READY');
      steps.ready(ENTRIES, 0);
      takeReady(context, steps.vm.vcpus[0].guest, (ENTRIES + 1) << 12);
    },
  },
  {
    rule: 'u26-51',
    run: (context) => {
      const steps = new RingSteps(context);
      steps.enable();
      steps.published(0, TOKEN_1, 0);
      steps.setWord(Word.NOTIFY_HEAD, MADE_UP);
      steps.published(1, TOKEN_2, 1);
    },
  },
  {
    rule: 'u26-52',
    run: (context) => {
      const steps = new RingSteps(context, { pages: 4 });
      steps.enable();
      for (const [page, tail] of [MADE_UP, 1, 0xffff_ffc0].entries()) {
        context.note(`notify.tail is 0x${tail.toString(16)}, notify.head 0`);
        steps.setWord(Word.NOTIFY_TAIL, tail);
        steps.asyncExit(page, 0);
        accept(steps, page);
        isNotPresent(context, steps.vm.vcpus[0].guest.run(), (page + 1) << 12);
      }
      steps.setWord(Word.NOTIFY_TAIL, 0xffff_ffc1);
      steps.published(3, 4 << 12, 0);
    },
  },
  {
    rule: 'u26-53',
    run: async (context) => {
      const steps = new RingSteps(context, { pages: ENTRIES + 2 });
      steps.enable();
      for (let page = 0; page < ENTRIES + 2; page++) {
        await roundTrip(steps, page, page);
        steps.takeAll();
      }
    },
  },
  {
    rule: 'u26-54',
    run: async (context) => {
      const steps = new RingSteps(context);
      steps.enable();
      const [{ guest }] = steps.vm.vcpus;
      steps.published(0, TOKEN_1, 0);
      const task = guest.suspend();
      steps.resolve(0, 0x52);
      steps.push(steps.vm.gpaOf(0));
      await steps.drain();
      takeReady(context, guest, TOKEN_1);
      guest.resume(task);
      steps.expectDone(0x52);
    },
  },
  {
    rule: 'u26-55',
    run: async (context) => {
      const steps = new RingSteps(context);
      steps.enable();
      steps.published(0, TOKEN_1, 0);
      steps.published(1, TOKEN_2, 1);
      for (const page of [0, 1]) steps.push(steps.vm.gpaOf(page));
      await steps.drain();
      context.equal('complete.tail', steps.word(Word.COMPLETE_TAIL), 2);
      takeReady(context, steps.vm.vcpus[0].guest, TOKEN_1);
      takeReady(context, steps.vm.vcpus[0].guest, TOKEN_2);
    },
  },
  {
    rule: 'u26-56',
    run: async (context) => {
      const steps = new RingSteps(context);
      steps.enable();
      const { vm } = steps;
      steps.published(0, TOKEN_1, 0);
      steps.published(1, TOKEN_2, 1);
      steps.push(vm.gpaOf(0) + 8);
      steps.push(vm.gpaOf(0), 1);
      steps.push(vm.gpaOf(5));
      steps.push(0x7000_0000);
      await steps.drain();
      expectNoReady(context, vm.vcpus[0].guest, 'for completions of which none is good');
      for (const page of [1, 1, 0]) steps.push(vm.gpaOf(page));
      await steps.drain();
      context.equal('complete.tail', steps.word(Word.COMPLETE_TAIL), 7);
      takeReady(context, vm.vcpus[0].guest, TOKEN_2);
      takeReady(context, vm.vcpus[0].guest, TOKEN_1);
      expectNoReady(context, vm.vcpus[0].guest, 'for the same completion twice');
    },
  },
  {
    rule: 'u26-57',
    run: async (context) => {
      const steps = new RingSteps(context);
      steps.enable();
      const [{ guest }] = steps.vm.vcpus;
      steps.published(0, TOKEN_1, 0);
      for (const ahead of [ENTRIES + 1, MADE_UP]) {
        steps.push(steps.vm.gpaOf(0));
        steps.setWord(Word.COMPLETE_HEAD, steps.word(Word.COMPLETE_TAIL) + ahead);
        await steps.drain();
        expectNoReady(context, guest, `for a completion in a batch of ${ahead}`);
      }
      steps.push(steps.vm.gpaOf(0));
      await steps.drain();
      takeReady(context, guest, TOKEN_1);
    },
  },
  {
    rule: 'u26-58',
    run: (context) => {
      const steps = new RingSteps(context);
      steps.enable();
      const [{ guest }] = steps.vm.vcpus;
      steps.published(0, TOKEN_1, 0);
      steps.push(steps.vm.gpaOf(0));
      guest.begin({ kind: 'load', page: 0 });
      context.expect('another task touches the page: its vCPU is about to halt, and finds the completion', guest.run(), { kind: 'event', vector: VECTOR, tokenWord: TOKEN_1 });
      context.equal('complete.tail', steps.word(Word.COMPLETE_TAIL), 1);
      acknowledge(guest);
    },
  },
  {
    rule: 'u26-59',
    run: async (context) => {
      const steps = new RingSteps(context);
      steps.enable();
      const { vm } = steps;
      steps.setWord(Word.NOTIFY_TAIL, MADE_UP);
      steps.asyncExit(0, TOKEN_1);
      steps.push(vm.gpaOf(0));
      await steps.drain();
      steps.ready(0, TOKEN_1, EALREADY);
      isNotPresent(context, vm.vcpus[0].guest.run(), TOKEN_1);
      takeReady(context, vm.vcpus[0].guest, TOKEN_1);
      steps.told(1, TOKEN_2);
      steps.push(vm.gpaOf(1));
      await steps.drain();
      takeReady(context, vm.vcpus[0].guest, TOKEN_2);
    },
  },
  {
    rule: 'u26-60',
    run: async (context) => {
      const steps = new RingSteps(context);
      steps.enable();
      const [{ guest }] = steps.vm.vcpus;
      steps.published(0, TOKEN_1, 0);
      context.equal('the guest disables async page faults', guest.writeMsr(MSR_EN, 0n), 'done');
      enable(context, guest);
      steps.push(steps.vm.gpaOf(0));
      await steps.drain();
      expectNoReady(context, guest, 'for a fault that was cancelled');
    },
  },
]);

/** Cases of rules that several proposals have alike. Each is given the rule's id. */
import type { ConformanceCase } from '../../case.js';
import {
  AS_INT,
  EFAULT,
  ENABLED,
  MOST_OUTSTANDING,
  MSR_EN,
  TOKEN_1,
  TOKEN_1_OF_VCPU_1,
  TOKEN_2,
  VECTOR,
  WAKE_ALL,
  acknowledge,
  enableValue,
  expectNoReady,
  expectReady,
  takeReady,
} from '../steps.js';
import { AsyncSteps, type AsyncProtocol } from './protocol.js';

/** A case of a rule, for a proposal. */
type CaseOf = (rule: string, protocol: AsyncProtocol) => ConformanceCase;

/** The guest takes #PF with the token after the exit. */
export const notPresentFollows: CaseOf = (rule, protocol) => ({
  rule,
  run: (context) => {
    new AsyncSteps(context, protocol).enable().told(0, TOKEN_1);
  },
});

/** A vCPU that could take no interrupt: a plain exit, of which the guest is not told. */
export const noInterruptsPlainExit: CaseOf = (rule, protocol) => ({
  rule,
  run: (context) => {
    const steps = new AsyncSteps(context, protocol).enable();
    steps.plainExit('the guest reads the page with interrupts off', { kind: 'load', page: 0, interrupts: false });
    steps.resolve(0, 0x41);
    steps.expectDone(0x41);
    expectNoReady(context, steps.vm.vcpus[0].guest, 'for a page that the guest was not told of');
  },
});

/** A guest that cannot be told: a plain exit. */
export const untellablePlainExit: CaseOf = (rule, protocol) => ({
  rule,
  run: (context) => {
    const steps = new AsyncSteps(context, protocol);
    const [{ guest }] = steps.vm.vcpus;
    steps.plainExit('the guest, which has enabled nothing, reads the page', { kind: 'load', page: 0 });
    steps.resolve(0, 0x42);
    steps.expectDone(0x42);
    if (context.lacks('cpl0-faults') !== undefined) return;
    steps.enable();
    steps.plainExit('the guest reads a page at CPL 0', { kind: 'load', page: 1, cpl: 0 });
    steps.resolve(1, 0x43);
    steps.expectDone(0x43);
    expectNoReady(context, guest, 'for a page that the guest was not told of');
  },
});

/** A page that is not marked is resolved without an exit. */
export const unmarkedMaps: CaseOf = (rule, protocol) => ({
  rule,
  run: (context) => {
    const steps = new AsyncSteps(context, protocol).enable();
    const [{ guest }] = steps.vm.vcpus;
    steps.vm.fill(5, 0x44);
    guest.begin({ kind: 'load', page: 5 });
    steps.expectDone(0x44);
  },
});

/** A second fault of the vCPU on the page halts it. */
export const secondFaultHalts: CaseOf = (rule, protocol) => ({
  rule,
  run: (context) => {
    const steps = new AsyncSteps(context, protocol).enable();
    const [{ guest }] = steps.vm.vcpus;
    steps.told(0, TOKEN_1);
    guest.begin({ kind: 'load', page: 0 });
    context.expect('another task that touches the page halts the vCPU', guest.runBriefly(), { kind: 'stays' });
    steps.resolve(0, 0x45);
    steps.ready(0, TOKEN_1);
    context.expect('the one event that is due comes', guest.run(), { kind: 'event', vector: VECTOR, tokenWord: TOKEN_1 });
    acknowledge(guest);
    steps.expectDone(0x45);
  },
});

/** Another vCPU has an exit and a completion of its own. */
export const perVcpu: CaseOf = (rule, protocol) => ({
  rule,
  run: (context) => {
    const steps = new AsyncSteps(context, protocol, { vcpus: 2 }).enable();
    const [first, second] = steps.vm.vcpus.map(({ guest }) => guest);
    steps.told(0, TOKEN_1, 0);
    steps.told(0, TOKEN_1_OF_VCPU_1, 1);
    steps.resolve(0, 1);
    steps.ready(0, TOKEN_1, 0, 0);
    takeReady(context, first, TOKEN_1);
    expectNoReady(context, second, 'on the vCPU whose fault was not completed');
    steps.ready(0, TOKEN_1_OF_VCPU_1, 0, 1);
    takeReady(context, second, TOKEN_1_OF_VCPU_1);
  },
});

/** With 64 outstanding, a plain exit. */
export const mostOutstanding: CaseOf = (rule, protocol) => ({
  rule,
  run: (context) => {
    const steps = new AsyncSteps(context, protocol, { pages: MOST_OUTSTANDING + 1 }).enable();
    for (let page = 0; page < MOST_OUTSTANDING; page++) steps.told(page, (page + 1) << 12);
    steps.plainExit('the 65th fault', { kind: 'load', page: MOST_OUTSTANDING });
  },
});

/** READY completes: the guest gets the ready event, and its task goes on with the contents. */
export const readyCompletes: CaseOf = (rule, protocol) => ({
  rule,
  run: (context) => {
    const steps = new AsyncSteps(context, protocol).enable();
    const [{ guest }] = steps.vm.vcpus;
    steps.told(0, TOKEN_1);
    const task = guest.suspend();
    steps.resolve(0, 0x46);
    steps.ready(0, TOKEN_1);
    takeReady(context, guest, TOKEN_1);
    guest.resume(task);
    steps.expectDone(0x46);
  },
});

/** READY from another thread while the vCPU is in the guest. */
export const readyFromOtherThread: CaseOf = (rule, protocol) => ({
  rule,
  run: async (context) => {
    const steps = new AsyncSteps(context, protocol).enable();
    const [{ guest }] = steps.vm.vcpus;
    steps.told(0, TOKEN_1);
    steps.resolve(0, 1);
    guest.beginLoop();
    const { result, errno } = await steps.vm.whileOtherThreadReadies({ vcpu: 0, page: 0, token: TOKEN_1 }, () => guest.run());
    context.errno('READY from another thread', errno, 0);
    context.expect('the ready event comes to the vCPU, which runs', result, { kind: 'event', vector: VECTOR, tokenWord: TOKEN_1 });
  },
});

/** Re-entry completes nothing that user space has taken upon itself. */
export const outlastsReentry: CaseOf = (rule, protocol) => ({
  rule,
  run: (context) => {
    const steps = new AsyncSteps(context, protocol).enable();
    const [{ guest }] = steps.vm.vcpus;
    steps.told(0, TOKEN_1);
    expectNoReady(context, guest, 'before READY');
    steps.resolve(0, 1);
    steps.ready(0, TOKEN_1);
    expectReady(context, guest, TOKEN_1);
  },
});

/** What the guest disables is forgotten. */
export const disablingForgets: CaseOf = (rule, protocol) => ({
  rule,
  run: (context) => {
    const steps = new AsyncSteps(context, protocol).enable();
    const [{ guest }] = steps.vm.vcpus;
    steps.told(0, TOKEN_1);
    context.equal('the guest disables async page faults', guest.writeMsr(MSR_EN, 0n), 'done');
    steps.resolve(0, 1);
    steps.ready(0, TOKEN_1, protocol.gone);
    steps.enable();
    expectNoReady(context, guest, 'for what was outstanding before');
  },
});

/** One ready event at a time. */
export const tokenWordGates: CaseOf = (rule, protocol) => ({
  rule,
  run: (context) => {
    const steps = new AsyncSteps(context, protocol).enable();
    const [{ guest }] = steps.vm.vcpus;
    for (const [page, token] of [TOKEN_1, TOKEN_2].entries()) steps.told(page, token);
    for (const [page, token] of [TOKEN_1, TOKEN_2].entries()) {
      steps.resolve(page, 1);
      steps.ready(page, token);
    }
    expectReady(context, guest, TOKEN_1);
    expectNoReady(context, guest, 'while the token word is not 0');
    context.equal('the token word', guest.tokenWord, TOKEN_1);
    acknowledge(guest);
    expectReady(context, guest, TOKEN_2);
  },
});

/** Enabling makes the wake-all event due, each time. */
export const enablingWakesAll: CaseOf = (rule, protocol) => ({
  rule,
  run: (context) => {
    const steps = new AsyncSteps(context, protocol).enable();
    const [{ guest }] = steps.vm.vcpus;
    expectNoReady(context, guest, 'after the one wake-all event');
    guest.writeMsr(MSR_EN, enableValue(guest, ENABLED | AS_INT));
    takeReady(context, guest, WAKE_ALL);
  },
});

/** KVM_PRE_FAULT_MEMORY makes no async page fault. */
export const preFaultFails: CaseOf = (rule, protocol) => ({
  rule,
  needs: ['pre-fault'],
  run: (context) => {
    const steps = new AsyncSteps(context, protocol).enable();
    const [{ guest, user }] = steps.vm.vcpus;
    context.errno('KVM_PRE_FAULT_MEMORY of a marked page', user.preFault(0), EFAULT);
    steps.ready(0, TOKEN_1, protocol.gone);
    expectNoReady(context, guest, 'for a page that was fetched ahead');
    steps.told(0, TOKEN_1);
  },
});

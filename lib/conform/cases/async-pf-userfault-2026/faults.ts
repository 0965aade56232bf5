/** Rules of the 2026 design: what a fault comes to, and the states of one. */
import { caseList } from '../../case.js';
import {
  disablingForgets,
  enablingWakesAll,
  mostOutstanding,
  noInterruptsPlainExit,
  notPresentFollows,
  outlastsReentry,
  perVcpu,
  preFaultFails,
  readyCompletes,
  readyFromOtherThread,
  secondFaultHalts,
  tokenWordGates,
} from '../async/common.js';
import { AsyncSteps } from '../async/protocol.js';
import { EINVAL, ENOENT, TOKEN_1, TOKEN_2, enable, expectNoReady, expectReady, isNotPresent, takeReady } from '../steps.js';
import { CAPABILITY, I4, I4_NOT_ENABLED, accept } from './protocol.js';

const OTHER_VECTOR = 0x61;

/** See the module's comment. */
export const faultCases = caseList([
  {
    rule: 'u26-01',
    run: (context) => {
      const [{ user }] = context.vm().vcpus;
      for (const args of [[2], [0xffff_ffff], [1, 1], [0, 0, 1], [1, 0, 0, 1]]) context.errno(`KVM_ENABLE_CAP with ${args.join(', ')}`, user.enableCap(CAPABILITY, args), EINVAL);
      for (const args of [[1], [0], [1, 0, 0, 0]]) context.errno(`KVM_ENABLE_CAP with ${args.join(', ')}`, user.enableCap(CAPABILITY, args), 0);
    },
  },
  {
    rule: 'u26-02',
    run: (context) => {
      const steps = new AsyncSteps(context, I4_NOT_ENABLED).enable();
      steps.plainExit('the guest reads a marked page', { kind: 'load', page: 0 });
      steps.resolve(0, 0x31);
      steps.expectDone(0x31);
    },
  },
  {
    rule: 'u26-03',
    run: (context) => {
      new AsyncSteps(context, I4).enable().asyncExit(0, TOKEN_1);
    },
  },
  notPresentFollows('u26-04', I4),
  {
    rule: 'u26-05',
    run: (context) => {
      const steps = new AsyncSteps(context, I4);
      const [{ guest }] = steps.vm.vcpus;
      steps.asyncExit(0, TOKEN_1);
      accept(steps, 0);
      context.expect('the vCPU halts', guest.runBriefly(), { kind: 'stays' });
      steps.resolve(0, 0x32);
      steps.ready(0, TOKEN_1);
      steps.expectDone(0x32);
    },
  },
  noInterruptsPlainExit('u26-06', I4),
  {
    rule: 'u26-07',
    run: (context) => {
      const steps = new AsyncSteps(context, I4, { hltInGuest: true });
      steps.plainExit('a guest whose HLT stays with it, and which has enabled nothing, reads a marked page', { kind: 'load', page: 0 });
      steps.resolve(0, 0x33);
      steps.expectDone(0x33);
    },
  },
  preFaultFails('u26-08', I4),
  secondFaultHalts('u26-09', I4),
  perVcpu('u26-10', I4),
  mostOutstanding('u26-11', I4),
  outlastsReentry('u26-12', I4),
  readyCompletes('u26-13', I4),
  {
    rule: 'u26-14',
    run: (context) => {
      const steps = new AsyncSteps(context, I4).enable();
      const [{ guest }] = steps.vm.vcpus;
      steps.asyncExit(0, TOKEN_1);
      steps.resolve(0, 1);
      steps.ready(0, TOKEN_1);
      isNotPresent(context, guest.run(), TOKEN_1);
      takeReady(context, guest, TOKEN_1);
    },
  },
  {
    rule: 'u26-15',
    run: (context) => {
      const steps = new AsyncSteps(context, I4).enable();
      const [{ guest }] = steps.vm.vcpus;
      steps.asyncExit(0, TOKEN_1);
      isNotPresent(context, guest.run(), TOKEN_1);
      takeReady(context, guest, TOKEN_1);
      steps.ready(0, TOKEN_1, ENOENT);
    },
  },
  {
    rule: 'u26-16',
    run: (context) => {
      const steps = new AsyncSteps(context, I4).enable();
      const [{ guest }] = steps.vm.vcpus;
      steps.asyncExit(0, TOKEN_1);
      isNotPresent(context, guest.run(), TOKEN_1);
      takeReady(context, guest, TOKEN_1);
      steps.asyncExit(0, TOKEN_2);
      isNotPresent(context, guest.run(), TOKEN_2);
    },
  },
  {
    rule: 'u26-17',
    run: (context) => {
      const steps = new AsyncSteps(context, I4).enable();
      const [{ guest }] = steps.vm.vcpus;
      steps.told(0, TOKEN_1);
      accept(steps, 0);
      expectNoReady(context, guest, 'after ACCEPT of what is accepted');
      steps.resolve(0, 1);
      steps.ready(0, TOKEN_1);
      accept(steps, 0);
      takeReady(context, guest, TOKEN_1);
      expectNoReady(context, guest, 'after the one ready event');
    },
  },
  readyFromOtherThread('u26-18', I4),
  {
    rule: 'u26-19',
    run: (context) => {
      const steps = new AsyncSteps(context, I4);
      const [{ guest }] = steps.vm.vcpus;
      steps.asyncExit(0, TOKEN_1);
      accept(steps, 0);
      context.expect('the vCPU halts for a page that the guest is not told of', guest.runBriefly(), { kind: 'stays' });
      steps.vm.interrupt(0, OTHER_VECTOR);
      context.expect('it takes an interrupt', guest.run(), { kind: 'event', vector: OTHER_VECTOR });
      const task = guest.suspend();
      enable(context, guest);
      steps.resolve(0, 0x34);
      steps.ready(0, TOKEN_1);
      expectNoReady(context, guest, 'for that page');
      guest.resume(task);
      steps.expectDone(0x34);
    },
  },
  tokenWordGates('u26-20', I4),
  enablingWakesAll('u26-21', I4),
  disablingForgets('u26-22', I4),
  {
    rule: 'u26-23',
    needs: ['reset'],
    run: (context) => {
      const steps = new AsyncSteps(context, I4).enable();
      const [{ guest, user }] = steps.vm.vcpus;
      steps.told(0, TOKEN_1);
      user.reset();
      steps.ready(0, TOKEN_1, ENOENT);
      guest.clearToken();
      enable(context, guest);
      expectNoReady(context, guest, 'for what was outstanding before the reset');
      steps.told(0, TOKEN_2);
      steps.ready(0, TOKEN_2);
      expectReady(context, guest, TOKEN_2);
    },
  },
]);

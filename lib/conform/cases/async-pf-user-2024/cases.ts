/** Rules of the RFC of 2024. */
import { caseList } from '../../case.js';
import { AsyncSteps, type AsyncProtocol } from '../async/protocol.js';
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
  unmarkedMaps,
  untellablePlainExit,
} from '../async/common.js';
import { EFAULT, EINVAL, EIO, TOKEN_1, TOKEN_1_OF_VCPU_1, TOKEN_2, WAKE_ALL, takeReady } from '../steps.js';

const RFC: AsyncProtocol = {
  slotFlags: 0,
  marked: 1,
  exitHasToken: true,
  prepare: () => undefined,
  accept: () => undefined,
  ready: (vm, vcpu, _page, token) => vm.vcpus[vcpu].user.asyncPfUserReady(token),
  gone: EINVAL,
};

/** See the module's comment. */
export const asyncPfUserCases = caseList([
  {
    rule: 'u24-01',
    run: (context) => {
      new AsyncSteps(context, RFC).enable().asyncExit(0, TOKEN_1);
    },
  },
  notPresentFollows('u24-02', RFC),
  {
    rule: 'u24-03',
    run: (context) => {
      const steps = new AsyncSteps(context, RFC, { vcpus: 2 }).enable();
      steps.told(0, TOKEN_1);
      steps.told(1, TOKEN_2);
      steps.told(0, TOKEN_1_OF_VCPU_1, 1);
    },
  },
  untellablePlainExit('u24-04', RFC),
  noInterruptsPlainExit('u24-05', RFC),
  unmarkedMaps('u24-06', RFC),
  secondFaultHalts('u24-07', RFC),
  perVcpu('u24-08', RFC),
  readyCompletes('u24-09', RFC),
  readyFromOtherThread('u24-10', RFC),
  {
    rule: 'u24-11',
    run: (context) => {
      const steps = new AsyncSteps(context, RFC).enable();
      steps.told(0, TOKEN_1);
      for (const token of [0, WAKE_ALL, TOKEN_2, 1]) steps.ready(0, token, EINVAL);
      steps.ready(0, TOKEN_1);
    },
  },
  {
    rule: 'u24-12',
    run: (context) => {
      const steps = new AsyncSteps(context, RFC, { vcpus: 2 }).enable();
      steps.told(0, TOKEN_1);
      steps.ready(0, TOKEN_1, EINVAL, 1);
      steps.ready(0, TOKEN_1);
    },
  },
  {
    rule: 'u24-13',
    run: (context) => {
      const steps = new AsyncSteps(context, RFC).enable();
      steps.told(0, TOKEN_1);
      steps.resolve(0, 1);
      steps.ready(0, TOKEN_1);
      steps.ready(0, TOKEN_1, EINVAL);
      takeReady(context, steps.vm.vcpus[0].guest, TOKEN_1);
      steps.ready(0, TOKEN_1, EINVAL);
    },
  },
  {
    rule: 'u24-14',
    needs: ['other-process'],
    run: (context) => {
      const steps = new AsyncSteps(context, RFC).enable();
      steps.told(0, TOKEN_1);
      context.errno('READY from another process', steps.vm.vcpus[0].user.fromOtherProcess({ kind: 'token', token: TOKEN_1 }), EIO);
      steps.ready(0, TOKEN_1);
    },
  },
  {
    rule: 'u24-15',
    run: (context) => {
      const steps = new AsyncSteps(context, RFC).enable();
      context.errno('READY with an argument that cannot be read', steps.vm.vcpus[0].user.asyncPfUserReady('unreadable'), EFAULT);
    },
  },
  mostOutstanding('u24-16', RFC),
  outlastsReentry('u24-17', RFC),
  disablingForgets('u24-18', RFC),
  tokenWordGates('u24-19', RFC),
  enablingWakesAll('u24-20', RFC),
  preFaultFails('u24-21', RFC),
]);

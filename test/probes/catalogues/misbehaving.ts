/** Probes that do what a probe must not, between some that are good: for the collector's tests. */
import { FaultLabError } from '../../../lib/errors/index.js';
import type { Finding, ProbeGroup } from '../../../lib/probes/index.js';

const answer = (text: string) => (): Finding => ({ answer: text });

function neverReturns(): never {
  for (;;) Math.sqrt(2);
}

export const catalogue: readonly ProbeGroup[] = [
  {
    id: 'one',
    title: 'One',
    probes: [
      { id: 'first', title: 'first', find: () => ({ answer: 'first', detail: `process ${process.pid}` }) },
      {
        id: 'coded',
        title: 'throws what the host says',
        find: (): never => {
          throw new FaultLabError('KVM_EINVAL', 'could not do it');
        },
      },
      {
        id: 'bug',
        title: 'throws something else',
        find: (): never => {
          throw new TypeError('this is a bug');
        },
      },
      { id: 'noisy', title: 'prints', find: () => (process.stdout.write('on standard output\n'), { answer: 'quiet' }) },
      { id: 'spins', title: 'never returns', find: neverReturns },
      { id: 'behind-spins', title: 'behind it', find: answer('still here') },
    ],
  },
  {
    id: 'two',
    title: 'Two',
    probes: [
      { id: 'waits', title: 'never settles', find: () => new Promise<Finding>((resolve) => setInterval(() => resolve, 1000)) },
      { id: 'killed', title: 'dies of a signal', find: () => (process.kill(process.pid, 'SIGSEGV'), new Promise<Finding>(() => undefined)) },
      { id: 'exits', title: 'ends its process', find: () => process.exit(7) },
      {
        id: 'throws-later',
        title: 'throws where nobody catches',
        find: () => new Promise<Finding>(() => setImmediate(() => {
          throw new RangeError('out of nowhere');
        })),
      },
      { id: 'last', title: 'last', find: () => ({ answer: 'last', detail: `process ${process.pid}` }) },
    ],
  },
];

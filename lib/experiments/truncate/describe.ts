/** Observations in words. */
import { lossAbi, type AccessOutcome, type LossCounter } from '../../loss/index.js';
import type { LossObservation } from './observation.js';

const SIGNALS: Readonly<Record<number, string>> = { [lossAbi.SIGNAL_BUS]: 'SIGBUS', [lossAbi.SIGNAL_SEGV]: 'SIGSEGV' };
const CODES: Readonly<Record<string, string>> = {
  [`${lossAbi.SIGNAL_BUS}/${lossAbi.CODE_BUS_ADRERR}`]: 'BUS_ADRERR',
  [`${lossAbi.SIGNAL_BUS}/${lossAbi.CODE_BUS_MCEERR_AR}`]: 'BUS_MCEERR_AR',
  [`${lossAbi.SIGNAL_SEGV}/${lossAbi.CODE_SEGV_MAPERR}`]: 'SEGV_MAPERR',
};
const ERRORS: Readonly<Record<number, string>> = { [lossAbi.ERROR_EIO]: '-EIO', [lossAbi.ERROR_EFAULT]: '-EFAULT' };

/** What a task has of its access to `address`. */
export function describeOutcome(outcome: AccessOutcome, address: number): string {
  switch (outcome.result) {
    case 'none':
      return 'nothing';
    case 'value':
      return 'success: the page is back';
    case 'error':
      return ERRORS[outcome.errno] ?? `error ${outcome.errno}`;
    case 'signal': {
      const where = outcome.address === address ? 'the address' : outcome.address === 0 ? 'no address' : 'a wrong address';
      return `${SIGNALS[outcome.signal] ?? `signal ${outcome.signal}`} ${CODES[`${outcome.signal}/${outcome.code}`] ?? outcome.code}, ${where}`;
    }
  }
}

const TOLD = new Set<number>([
  lossAbi.LOG_NOT_PRESENT,
  lossAbi.LOG_READY,
  lossAbi.LOG_VE,
  lossAbi.LOG_MACHINE_CHECK,
  lossAbi.LOG_PAGE_FAULT,
  lossAbi.LOG_FIXUP,
  lossAbi.LOG_HYPERCALL,
  lossAbi.LOG_RESOLVED,
  lossAbi.LOG_PANIC,
]);
/** Of a guest that goes round, the first are enough. */
const MOST_TOLD = 4;

/** What the guest's kernel saw, from its own log. */
export function describeKernel({ timeline }: LossObservation): string {
  const told = timeline.filter(({ side, kind }) => side === 'guest' && kind !== undefined && TOLD.has(kind)).map(({ what }) => what);
  if (told.length === 0) return 'nothing';
  return told.slice(0, MOST_TOLD).join('; ') + (told.length > MOST_TOLD ? `; and ${told.length - MOST_TOLD} more` : '');
}

/** What became of the VM. */
export function describeEnd({ end }: LossObservation): string {
  switch (end.kind) {
    case 'done':
      return 'runs on';
    case 'panic':
      return 'its kernel ends it';
    case 'died':
      return 'the VMM ends it';
    case 'shutdown':
      return 'triple fault';
    case 'stuck':
      return 'goes round for ever';
  }
}

const EVENTS: Partial<Readonly<Record<LossCounter, string>>> = {
  not_present: '#PF not present',
  ready: 'ready interrupt',
  ve: '#VE',
  machine_checks: '#MC',
  page_faults: '#PF',
  hypercalls: 'hypercall',
  resolved: 'resolved interrupt',
};

/** What host and guest told each other for one access. */
export function describeEvents({ counters }: LossObservation): string {
  const used = (Object.entries(EVENTS) as [LossCounter, string][]).filter(([name]) => counters[name] > 0);
  return used.length === 0 ? 'none' : used.map(([name, title]) => (counters[name] === 1 ? title : `${counters[name]} ${title}`)).join(', ');
}

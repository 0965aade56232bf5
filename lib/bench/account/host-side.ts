/** What the host's threads noted of each fault, put together by page. Times are TSC cycles of the host; NaN where there is no such moment. */
import { StampKind, type StampLog } from '../../native/index.js';

/** The moments of one fault, in about this order. */
export interface HostFault {
  readonly page: number;
  /** The vCPU whose thread handled it; -1 where the kernel did. */
  vcpu: number;
  /** KVM_RUN came back, or the message of userfaultfd was read. */
  learned: number;
  /** The page was known. */
  located: number;
  /** The guest's not-present event was put in place. */
  told: number;
  /** KVM_RUN was called next. */
  entered: number;
  /** A resolver took the request. */
  taken: number;
  fillBegin: number;
  fillEnd: number;
  mapBegin: number;
  mapEnd: number;
  /** The page is there, and waiting threads were woken. */
  completed: number;
  /** The ready interrupt was raised. */
  signalled: number;
  /** The vCPU's thread, which waited, runs. */
  awake: number;
}

/**
 * Goes through the stamps of all threads.
 * @param sleeps - the kernel handles faults and userfaultfd tells of them: no vCPU's thread does
 * @returns by page
 */
export function hostFaults(vcpus: readonly StampLog[], resolvers: readonly StampLog[], sleeps: boolean): Map<number, HostFault> {
  const faults = new Map<number, HostFault>();
  const late = vcpus.map(() => [] as HostFault[]);
  vcpus.forEach((log, vcpu) => { readVcpu(log, vcpu, faults); });
  for (const log of resolvers) readResolver(log, sleeps, faults, late);
  vcpus.forEach((log, vcpu) => { matchSignals(log, late[vcpu]); });
  return faults;
}

function readVcpu({ tsc, kind, argument }: StampLog, vcpu: number, faults: Map<number, HostFault>): void {
  let left = NaN;
  let told: HostFault[] = [];
  for (let at = 0; at < tsc.length; at++) {
    switch (kind[at]) {
      case StampKind.RUN_LEAVE:
        left = tsc[at];
        break;
      case StampKind.RUN_ENTER:
        for (const fault of told) fault.entered = tsc[at];
        told = [];
        break;
      case StampKind.LOCATED: {
        // A page is located again where an instruction that misses several is tried again: the first time counts.
        if (faults.has(argument[at])) break;
        const fault = emptyFault(argument[at]);
        faults.set(fault.page, Object.assign(fault, { vcpu, learned: left, located: tsc[at] }));
        told.push(fault);
        break;
      }
      case StampKind.TOLD:
        set(faults.get(argument[at]), 'told', tsc[at]);
        break;
      case StampKind.AWAKE:
        set(faults.get(argument[at]), 'awake', tsc[at]);
        break;
    }
  }
}

function readResolver({ tsc, kind, argument }: StampLog, sleeps: boolean, faults: Map<number, HostFault>, late: HostFault[][]): void {
  let [messages, fillBegin, fillEnd, mapBegin, mapEnd] = [NaN, NaN, NaN, NaN, NaN];
  for (let at = 0; at < tsc.length; at++) {
    const fault = faults.get(argument[at]);
    switch (kind[at]) {
      case StampKind.MESSAGES:
        messages = tsc[at];
        break;
      case StampKind.FILL_BEGIN:
        fillBegin = tsc[at];
        break;
      case StampKind.FILL_END:
        fillEnd = tsc[at];
        break;
      case StampKind.MAP_BEGIN:
        mapBegin = tsc[at];
        break;
      case StampKind.MAP_END:
        mapEnd = tsc[at];
        break;
      case StampKind.TAKEN:
        if (sleeps && fault === undefined) {
          const fresh = emptyFault(argument[at]);
          faults.set(fresh.page, Object.assign(fresh, { learned: messages, located: tsc[at], taken: tsc[at] }));
        } else {
          set(fault, 'taken', tsc[at]);
        }
        break;
      case StampKind.COMPLETED:
        if (fault === undefined || !Number.isNaN(fault.completed)) break;
        Object.assign(fault, { mapBegin, mapEnd, completed: tsc[at] });
        // A source that does not read files leaves no stamps of its own: what is older than the request is another page's.
        if (fillBegin >= fault.taken) Object.assign(fault, { fillBegin, fillEnd });
        if (Number.isNaN(fault.told)) break;
        if (kind[at + 1] === StampKind.SIGNAL_BEGIN && kind[at + 2] === StampKind.SIGNAL_END) fault.signalled = tsc[at + 2];
        // The guest had not taken the event before: its vCPU's thread raises this one when it has.
        else late[fault.vcpu].push(fault);
        break;
    }
  }
}

/** Events that had to wait are raised by the vCPU's own thread, in the order in which their pages came. */
function matchSignals({ tsc, kind }: StampLog, waiting: HostFault[]): void {
  const ordered = waiting.sort((a, b) => a.completed - b.completed);
  let next = 0;
  for (let at = 0; at < tsc.length && next < ordered.length; at++) {
    if (kind[at] === StampKind.SIGNAL_END && tsc[at] >= ordered[next].completed) ordered[next++].signalled = tsc[at];
  }
}

function set(fault: HostFault | undefined, moment: Exclude<keyof HostFault, 'page' | 'vcpu'>, tsc: number): void {
  if (fault !== undefined && Number.isNaN(fault[moment])) fault[moment] = tsc;
}

function emptyFault(page: number): HostFault {
  return {
    page,
    vcpu: -1,
    learned: NaN,
    located: NaN,
    told: NaN,
    entered: NaN,
    taken: NaN,
    fillBegin: NaN,
    fillEnd: NaN,
    mapBegin: NaN,
    mapEnd: NaN,
    completed: NaN,
    signalled: NaN,
    awake: NaN,
  };
}

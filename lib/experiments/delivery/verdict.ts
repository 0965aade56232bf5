/** What the observations come to, beside what the rules of this project say. */
import type { Host } from '../../kvm/index.js';
import type { DataTable, Finding, Row } from '../frame/report.js';
import { countOf } from '../frame/words.js';
import { DELIVERY_CASES, decideByModel, decideByVmm, type Decision, type DeliveryCase } from './cases.js';
import type { Observation } from './observe.js';

/** All runs of one state. */
export interface StateResult {
  readonly state: DeliveryCase;
  readonly runs: readonly Pick<Observation, 'decision' | 'end' | 'notPresent' | 'ready'>[];
}

/** What KVM did in every run of a state; null where it was not always the same, or the guest did not get there. */
export function decisionOf({ runs }: StateResult): Decision | null {
  const [first] = runs;
  return runs.every(({ decision }) => decision === first.decision) ? first.decision : null;
}

/** Where what KVM did is not what a rule says. */
export interface Difference {
  readonly id: string;
  readonly kvm: string;
  readonly model: Decision;
  readonly vmm: 'told' | 'waits';
  readonly isOfModel: boolean;
  readonly isOfVmm: boolean;
}

/** The VMM has no halt of its own: it is asked only whether the guest is told. */
export function compare(result: StateResult): Difference {
  const kvm = decisionOf(result);
  const model = decideByModel(result.state);
  const { decision: vmm } = decideByVmm(result.state);
  return { id: result.state.id, kvm: kvm ?? describeMixed(result), model, vmm, isOfModel: kvm !== model, isOfVmm: kvm === null || (kvm === 'told') !== (vmm === 'told') };
}

function describeMixed({ runs }: StateResult): string {
  return [...new Set(runs.map(({ decision, end }) => decision ?? end))].join(' or ');
}

/** A row for each state. */
export function tableOf(results: readonly StateResult[]): DataTable {
  return {
    id: 'states',
    title: 'A page is missing, and comes 4 ms later',
    rows: results.map((result): Row => {
      const { kvm, model, isOfModel, isOfVmm } = compare(result);
      const { decision, why } = decideByVmm(result.state);
      return {
        state: result.state.title,
        runs: result.runs.length,
        kvm,
        guestSaw: guestSaw(result),
        modelOfKvm: model,
        vmm: why === null ? decision : `${decision} (${why})`,
        differs: isOfModel && isOfVmm ? 'both' : isOfModel ? 'model' : isOfVmm ? 'VMM' : 'no',
      };
    }),
  };
}

function guestSaw({ runs }: StateResult): string {
  const [{ notPresent, ready }] = runs;
  if (notPresent.length === 0 && ready.length === 0) return 'nothing';
  return [...notPresent.map(({ token, cpl, interrupts }) => `#PF, token 0x${token.toString(16)} (of CPL${cpl}, IF=${interrupts ? 1 : 0})`), ...ready.map((token) => `ready 0x${token.toString(16)}`)].join(', ');
}

/** Why this kind of host differs, where that is known; null where it is not. */
export function reasonOf({ id, isOfModel, isOfVmm }: Difference, host: Pick<Host, 'kind' | 'emulated'>): string | null {
  if (!isOfModel && !isOfVmm) return null;
  if (host.emulated && id.startsWith('shadow-')) return 'QEMU\'s VMRUN does not take over the interrupt shadow that KVM put into the VMCB (control.int_state): the guest begins without it.';
  if (host.kind !== 'PVM') return null;
  if (id.startsWith('cpl0')) return 'KVM emulates the guest\'s kernel instruction by instruction: an access of its emulator waits where it is.';
  if (id === 'mov-ss') return 'CPL3 runs without an intercept, and KVM does not see the shadow of an instruction that it does not emulate: the event comes inside it.';
  return null;
}

/** When KVM tells the guest. */
function toldWords(results: readonly StateResult[]): string {
  const told = results.filter((result) => decisionOf(result) === 'told').map(({ state }) => state);
  if (told.length === 0) return 'KVM never tells the guest';
  const kernel = told.some(({ cpl }) => cpl === 0);
  const off = told.some(({ interrupts, context }) => !interrupts && !context.interruptsEnabled);
  if (!kernel && !off) return 'KVM tells the guest only when a task of it faults with interrupts on (CPL3, IF=1)';
  return `KVM tells the guest ${kernel ? 'also when its kernel faults (CPL0)' : 'only when a task of it faults (CPL3)'}${off ? ', also with interrupts off' : ''}`;
}

/** What KVM does in all other states. */
function otherwise(halts: number, waits: number): string {
  if (halts === 0) return waits === 0 ? 'there is no other state' : 'in all others its vCPU waits';
  return `in ${countOf(halts, 'other state')} it halts the vCPU, in ${waits} it waits`;
}

const titleOf = (results: readonly StateResult[], id: string): string => results.find(({ state }) => state.id === id)?.state.title ?? id;

/** Computes the verdict. `filled`: with IF=0 after a not-present event, the ready event's token was in its slot. */
export function find(results: readonly StateResult[], filled: boolean | null): Finding {
  const missing = DELIVERY_CASES.length - results.filter(({ runs }) => runs.length > 0).length;
  if (missing > 0 || filled === null) return { answered: false, why: missing > 0 ? `the time was over before ${missing} of ${DELIVERY_CASES.length} states had run` : 'no not-present event came in the ordinary state' };
  const lost = results.find(({ runs }) => runs.some(({ decision }) => decision === null));
  if (lost !== undefined) return { answered: false, why: `the guest did not get to its page (${lost.state.title}): ${lost.runs.find(({ decision }) => decision === null)?.end ?? ''}` };
  const differences = results.map((result) => compare(result));
  const by = (decision: Decision): string[] => differences.filter(({ kvm }) => kvm === decision).map(({ id }) => id);
  const ofModel = differences.filter(({ isOfModel }) => isOfModel);
  const ofVmm = differences.filter(({ isOfVmm }) => isOfVmm);
  const words = (which: readonly Difference[], says: (difference: Difference) => string): string => (which.length === 0 ? 'nowhere' : `in ${which.length}: ${which.map((difference) => `${difference.id} (KVM: ${difference.kvm}, ${says(difference)})`).join(', ')}`);
  const slot = filled ? 'a ready event fills its slot while IF=0 and interrupts when IF=1' : 'a ready event does not fill its slot before IF=1';
  return {
    answered: true,
    answer: `${toldWords(results)}; ${otherwise(by('halts').length, by('waits').length)}; the model of a stock kernel ${ofModel.length === 0 ? `agrees in all ${results.length} states` : `differs in ${ofModel.length} of ${results.length} states (${ofModel.map(({ id }) => titleOf(results, id)).join('; ')})`}`,
    verdict: `of ${results.length} states KVM tells the guest in ${by('told').length}, halts its vCPU in ${by('halts').length} and waits in ${by('waits').length}; the model of a stock kernel differs ${words(ofModel, ({ model }) => `model: ${model}`)}; the VMM's own rules differ ${words(ofVmm, ({ vmm }) => `VMM: ${vmm}`)}; ${slot}`,
  };
}

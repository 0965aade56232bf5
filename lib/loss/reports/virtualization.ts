/**
 * `ve`: the host says by #VE that a page is lost for good. A task gets a signal, a copy of the guest kernel's an error from its exception table, and
 * whoever guards nothing dies saying why.
 */
import type { LostAccess } from '../../faults/index.js';
import { VECTOR_VIRTUALIZATION } from '../../uapi/index.js';
import { VE_REFUSALS, VeInformationArea, veRefusal, type VeRefusal } from '../../ve/index.js';
import { describeLostAccess } from '../describe.js';
import { RESUME, type LossReport, type ReportAnswer, type ReportMachine } from '../report.js';

/** Delivers #VE to one vCPU. */
export class VirtualizationExceptions {
  private readonly area: VeInformationArea;

  constructor(private readonly machine: ReportMachine) {
    this.area = new VeInformationArea(machine.ram.data, machine.veInformation);
  }

  /** Why the guest cannot be told now; null where it can. */
  refusal(): VeRefusal | null {
    return veRefusal({ busy: this.area.busy, eventPending: this.machine.vcpu.syncRegs.events.isBusy(), protectedMode: true });
  }

  /** Tells the guest of the access; where it cannot be told, the VM ends: it would go round otherwise. */
  deliver(access: LostAccess, recoverable: boolean): ReportAnswer {
    const refusal = this.refusal();
    if (refusal !== null) return { kind: 'die', why: `${describeLostAccess(access)}; #VE cannot be delivered: ${VE_REFUSALS[refusal]}` };
    this.area.fill({ access: access.access, gva: access.gva, gpa: access.gpa, recoverable });
    this.machine.inject(VECTOR_VIRTUALIZATION);
    this.machine.note(`injects #VE, ${recoverable ? 'recoverable' : 'not recoverable'}`);
    return RESUME;
  }
}

/** See the module's comment. */
export const ve: LossReport = {
  name: 've',
  title: '#VE with the information area; the page is lost for good',
  setup: { asyncPf: 'none', haltExits: false, features: 0 },
  start: (machine) => {
    const exceptions = new VirtualizationExceptions(machine);
    return { lost: (access) => exceptions.deliver(access, false) };
  },
};

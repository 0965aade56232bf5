/**
 * `reflect-policy`: the VMM learns of every lost access, and a policy of its own decides what the guest is told. It works whether or not the guest has async page faults: the part that a
 * file has lost is protected as soon as it is noticed, so that KVM does not wait for it.
 */
import type { LostAccess } from '../../faults/index.js';
import { TruncationGuard } from '../../memory/index.js';
import { VE_REFUSALS } from '../../ve/index.js';
import { FEATURE_ASYNC_PF, LOSS_WINDOW_BASE } from '../abi.js';
import { describeLostAccess } from '../describe.js';
import { reflectDeclared, type RecoverableMemory, type ReflectPolicy } from '../reflection.js';
import { RESUME, type LossReport, type ReportAnswer, type ReportMachine, type ReportSession } from '../report.js';
import { mce } from './machine-check.js';
import { VirtualizationExceptions } from './virtualization.js';

/** What may be different. */
export interface ReflectOptions {
  /** {@link reflectDeclared} where left out. */
  readonly policy?: ReflectPolicy;
  /** What the window's owner says of it; where left out: all of it may be truncated, the guest's kernel knows, nothing comes back. */
  readonly declared?: readonly RecoverableMemory[];
  /** False for a guest without async page faults. */
  readonly asyncPf?: boolean;
}

const SLICE_NS = 1e6;

/** The report with a policy. */
export function reflectReport({ policy = reflectDeclared, declared, asyncPf = true }: ReflectOptions = {}): LossReport {
  return {
    name: 'reflect-policy',
    title: 'the VMM decides what the guest hears of',
    setup: asyncPf ? { asyncPf: 'kernel', haltExits: true, features: FEATURE_ASYNC_PF } : { asyncPf: 'none', haltExits: false, features: 0 },
    start: (machine) => new Reflecting(machine, policy, declared ?? [{ offset: 0, lengthBytes: machine.window.sizeBytes, causes: ['truncated'], kernel: true, comesBack: false }]),
  };
}

/** See the module's comment. */
export const reflectPolicy: LossReport = reflectReport();

class Reflecting implements ReportSession {
  private readonly guard: TruncationGuard;
  private readonly exceptions: VirtualizationExceptions;
  private readonly machineChecks: ReportSession;

  constructor(
    machine: ReportMachine,
    private readonly policy: ReflectPolicy,
    private readonly declared: readonly RecoverableMemory[],
  ) {
    this.guard = new TruncationGuard(machine.window);
    this.exceptions = new VirtualizationExceptions(machine);
    this.machineChecks = mce.start(machine);
    this.guard.follow();
    machine.vcpu.setSliceNs(SLICE_NS);
  }

  afterExit(): null {
    this.guard.follow();
    return null;
  }

  lost(access: LostAccess): ReportAnswer {
    const offset = Number(access.gpa) - LOSS_WINDOW_BASE;
    // Taken for being lost, and back by now.
    if (this.guard.covers(offset) && access.cause === 'protection' && this.guard.follow() && !this.guard.covers(offset)) return RESUME;
    const refusal = this.exceptions.refusal();
    const { access: kind, cause, cpl } = access;
    const reflection = this.policy({ access: kind, cause, cpl, offset, refusal: refusal === null ? null : VE_REFUSALS[refusal] }, this.declared);
    if (reflection.kind === 'end') return { kind: 'die', why: `${describeLostAccess(access)}; not told to the guest: ${reflection.why}` };
    return reflection.as === 'mce' ? this.machineChecks.lost(access) : this.exceptions.deliver(access, reflection.recoverable);
  }

  close(): void {
    this.guard.release();
  }
}

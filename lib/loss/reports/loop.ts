/**
 * `loop`: kernel async page faults on a truncated file. KVM takes the fault for a page that comes later, its worker fails, nobody looks at that, the guest is told "ready"
 * and touches the page again. Nothing comes out of KVM_RUN but the ends of slices. This report lets it happen, notices, gives it a name, and ends it without ending
 * the VM: the lost part of the window is protected, which makes the access an ordinary lost one, told to the guest as `ve` does.
 */
import { decodeInstruction, type LostAccess } from '../../faults/index.js';
import { VcpuStatistics } from '../../kvm/index.js';
import { TruncationGuard, type DaxWindow } from '../../memory/index.js';
import { PAGE_SIZE } from '../../uapi/index.js';
import { FEATURE_ASYNC_PF, LOSS_WINDOW_BASE } from '../abi.js';
import { LoopWatch, type LoopFound } from '../loop-watch.js';
import { RESUME, type LossReport, type ReportAnswer, type ReportMachine, type ReportSession } from '../report.js';
import { VirtualizationExceptions } from './virtualization.js';

/** The shortest slice there is: how late a loop may be noticed. */
const SLICE_NS = 1e6;
/** Faults that KVM handled for the vCPU, whether or not anything came of them. */
const FAULTS = 'pf_taken';
const NOP = 0x90;

/**
 * The report, with an ear for what it finds.
 * @param onLoop - called for each loop when it is proven, before the guest is told
 */
export function loopReport(onLoop: (loop: LoopFound) => void = () => {}): LossReport {
  return {
    name: 'loop',
    title: 'kernel async page faults: the loop, noticed and broken',
    setup: { asyncPf: 'kernel', haltExits: true, features: FEATURE_ASYNC_PF },
    learns: true,
    start: (machine) => new Looping(machine, onLoop),
  };
}

/** See the module's comment. */
export const loop: LossReport = loopReport();

class Looping implements ReportSession {
  private readonly window: DaxWindow;
  private readonly statistics: VcpuStatistics;
  private readonly guard: TruncationGuard;
  private readonly watch = new LoopWatch();
  private readonly exceptions: VirtualizationExceptions;

  constructor(
    private readonly machine: ReportMachine,
    private readonly onLoop: (loop: LoopFound) => void,
  ) {
    this.window = machine.window;
    this.guard = new TruncationGuard(this.window);
    this.exceptions = new VirtualizationExceptions(machine);
    this.statistics = VcpuStatistics.of(machine.vcpu);
    machine.vcpu.setSliceNs(SLICE_NS);
    // The decoder takes its time when it is used first; not with a loop going on.
    decodeInstruction(Uint8Array.of(NOP), 0n);
  }

  afterExit(): null {
    const isShort = this.window.backedBytes() < this.window.sizeBytes;
    const protects = this.watch.exit(this.faults(), isShort);
    // What is back is given back in any case.
    if ((protects || !isShort) && this.guard.follow()) this.machine.note(isShort ? 'faults, and a part of the file is gone: it is protected' : 'the file is whole again');
    return null;
  }

  lost(access: LostAccess): ReportAnswer {
    const offset = Number(access.gpa) - LOSS_WINDOW_BASE;
    // Protected for being lost, and back by now.
    if (this.guard.covers(offset) && access.cause === 'protection') {
      this.guard.follow();
      if (!this.guard.covers(offset)) return RESUME;
    }
    if (this.guard.covers(offset)) {
      const verdict = this.watch.refused(Math.floor(Number(access.gpa) / PAGE_SIZE), Number(access.rip), this.faults());
      if (verdict.kind === 'let go') {
        this.guard.release();
        return RESUME;
      }
      if (verdict.kind === 'loop') {
        this.machine.note(`loop: gfn 0x${verdict.gfn.toString(16)}, ${verdict.turns} turns`);
        this.onLoop(verdict);
      }
    }
    return this.exceptions.deliver(access, false);
  }

  close(): void {
    this.guard.release();
    this.statistics.close();
  }

  private faults(): number {
    return this.statistics.value(FAULTS) ?? 0;
  }
}

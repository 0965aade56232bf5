/**
 * `lease`: who wants to change the file asks first. The VMM holds a lease on it (fcntl(2), F_SETLEASE): another process's open() for writing, or truncate(), waits until
 * the VMM has withdrawn the guest's mappings and let go. The guest touches nothing meanwhile; when nobody else has the file open any more, the VMM takes the lease
 * again, gives back what the file still has, and tells the guest of the rest before it can meet it.
 *
 * The hole in it: ftruncate() of a descriptor that is open already asks nobody. Such a descriptor comes by inheritance (a child of the VMM's, or one that it was
 * sent to), or stays with a process that asked once and keeps the file open. The first cannot be known; it is noticed when the file has become
 * shorter and nobody asked. The second is known, since the lease cannot be taken again.
 */
import { isCoded } from '../../errors/index.js';
import type { LostAccess } from '../../faults/index.js';
import { TruncationGuard, type DaxWindow } from '../../memory/index.js';
import { F_UNLCK, F_WRLCK } from '../../uapi/index.js';
import { FEATURE_ASYNC_PF, LOSS_WINDOW_BASE } from '../abi.js';
import { RESUME, type LossReport, type ReportAnswer, type ReportMachine, type ReportSession } from '../report.js';
import { VirtualizationExceptions } from './virtualization.js';

/** What happens to the lease. */
export type LeaseEvent =
  /** Somebody waits for the file: the window is withdrawn, and the lease is about to be given up. */
  | { readonly kind: 'asked' }
  /** Nobody else has the file any more: the lease is back, and as much of the window as the file has, bytes. */
  | { readonly kind: 'regained'; readonly backedBytes: number }
  /** Somebody has had the file for longer than a vCPU waits: the window is given back without a lease. */
  | { readonly kind: 'kept' }
  /** The file became shorter, and nobody asked. */
  | { readonly kind: 'unasked'; readonly backedBytes: number };

/** What may be different. */
export interface LeaseOptions {
  readonly onEvent?: (event: LeaseEvent) => void;
  /** So long a vCPU waits that touches a withdrawn window, ms; 5000 where left out. */
  readonly waitMs?: number;
}

const SLICE_NS = 1e6;
const WAIT_MS = 5000;
const POLL_MS = 0.2;

/** `leased`: nobody can touch the file without asking. `withdrawn`: somebody has it, and the guest has nothing. `unleased`: the guest and others have it. */
type State = 'leased' | 'withdrawn' | 'unleased';

/** The report, with an ear for what happens to the lease. */
export function leaseReport(options: LeaseOptions = {}): LossReport {
  return {
    name: 'lease',
    title: 'a lease on the file: mappings are withdrawn before it shrinks',
    setup: { asyncPf: 'kernel', haltExits: true, features: FEATURE_ASYNC_PF },
    start: (machine) => new Leased(machine, options),
  };
}

/** See the module's comment. */
export const lease: LossReport = leaseReport();

class Leased implements ReportSession {
  private readonly window: DaxWindow;
  private readonly guard: TruncationGuard;
  private readonly exceptions: VirtualizationExceptions;
  private state: State;
  /** Of the file, when it was last looked at, bytes of the window. */
  private backedBytes: number;

  constructor(
    private readonly machine: ReportMachine,
    private readonly options: LeaseOptions,
  ) {
    this.window = machine.window;
    this.guard = new TruncationGuard(this.window);
    this.exceptions = new VirtualizationExceptions(machine);
    this.backedBytes = this.window.backedBytes();
    this.state = this.takeLease() ? 'leased' : 'unleased';
    machine.vcpu.setSliceNs(SLICE_NS);
  }

  afterExit(): null {
    if (this.state === 'leased' && this.window.file.getLease() !== F_WRLCK) this.withdraw();
    else if (this.state !== 'withdrawn') this.follow();
    if (this.state !== 'leased' && this.takeLease()) this.regain();
    return null;
  }

  lost(access: LostAccess): ReportAnswer {
    this.afterExit();
    if (this.state === 'withdrawn') this.waitForFile();
    // What was withdrawn may be back, and what was there when the access failed may be gone.
    const cause = this.window.causeOfLoss(Number(access.gpa) - LOSS_WINDOW_BASE, access.access !== 'load' && access.access !== 'fetch');
    return cause === null ? RESUME : this.exceptions.deliver({ ...access, cause }, false);
  }

  close(): void {
    this.guard.release();
    if (this.state === 'leased') this.window.file.setLease(F_UNLCK);
  }

  private withdraw(): void {
    this.guard.takeAll();
    this.backedBytes = 0;
    this.state = 'withdrawn';
    this.tell({ kind: 'asked' });
    this.window.file.setLease(F_UNLCK);
  }

  private regain(): void {
    this.guard.follow();
    this.backedBytes = this.window.backedBytes();
    this.state = 'leased';
    this.tell({ kind: 'regained', backedBytes: this.backedBytes });
  }

  /** The vCPU stands still: its page may be there or not, which is known when the file is the VMM's alone again. */
  private waitForFile(): void {
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    const deadline = performance.now() + (this.options.waitMs ?? WAIT_MS);
    while (performance.now() < deadline) {
      if (this.takeLease()) {
        this.regain();
        return;
      }
      Atomics.wait(sleeper, 0, 0, POLL_MS);
    }
    this.guard.follow();
    this.backedBytes = this.window.backedBytes();
    this.state = 'unleased';
    this.tell({ kind: 'kept' });
  }

  /** A file that changes under the VMM's hands: what it has lost is taken, late. */
  private follow(): void {
    const backedBytes = this.window.backedBytes();
    const isShorter = backedBytes < this.backedBytes;
    this.backedBytes = backedBytes;
    this.guard.follow();
    if (isShorter) this.tell({ kind: 'unasked', backedBytes });
  }

  /** False while anybody else has the file open. */
  private takeLease(): boolean {
    try {
      this.window.file.setLease(F_WRLCK);
      return true;
    } catch (error) {
      if (isCoded(error) && error.code === 'FILE_EAGAIN') return false;
      throw error;
    }
  }

  private tell(event: LeaseEvent): void {
    this.machine.note(WORDS[event.kind]);
    this.options.onEvent?.(event);
  }
}

const WORDS: Readonly<Record<LeaseEvent['kind'], string>> = {
  asked: 'somebody asks for the file: the window is withdrawn, and the lease goes',
  regained: 'the file is the VMM\'s alone again: what it has is given back',
  kept: 'somebody keeps the file: the window is given back without a lease',
  unasked: 'the file has become shorter, and nobody asked',
};

/** The history guest's kernel: handlers of a few instructions that do with each event what Linux of that generation did, and note what they found. */
import { KVM_ASYNC_PF_ACK_READY, KVM_PV_REASON_PAGE_NOT_PRESENT, KVM_PV_REASON_PAGE_READY, MSR_KVM_ASYNC_PF_ACK } from '../../uapi/index.js';
import { Assembler, type AssembledCode, type Gpr } from '../machine-code/assembler.js';
import { appendLogRoutine } from '../machine-code/event-log.js';
import type { Disturbance, GenerationId } from './generations.js';
import {
  APF_REASON,
  APF_TOKEN,
  EXCEPTION_TABLE,
  HANDLERS,
  HANDLERS_BYTES,
  KERNEL_WAITS,
  LOG,
  PORTS,
  SECOND_PAGE,
  TASK_A,
  TASK_A_END,
  TASK_B,
  TASK_WAITS,
  UD2_BYTES,
  UNMAPPED,
  VE,
} from './guest-memory.js';
import { LOG_KINDS, type LogKind } from './log.js';

/** Saved by every handler; RSI holds the token or the address that it is about. */
const SAVED: readonly Gpr[] = ['rax', 'rcx', 'rdx', 'rsi'];
/** The frame behind them: error code (or what stands for one), then what IRETQ takes. */
const FRAME_RIP = { base: 'rsp', offset: SAVED.length * 8 + 8 } as const;
const FRAME_CS = { base: 'rsp', offset: SAVED.length * 8 + 16 } as const;
const CPL_MASK = 3;
const ERROR_CODE_BYTES = 8;

/** Labels of the handlers. */
export type HandlerLabel = 'pageFault' | 'virtualization' | 'ready' | 'nmi' | 'undefined' | 'nmiAccess' | 'nmiFixup';

/**
 * Makes the kernel of a generation.
 * @param disturbance - what the NMI handler does
 */
export function assembleKernel(generation: GenerationId, disturbance: Disturbance): AssembledCode {
  const code = new Assembler();
  pageFault(code, generation);
  if (generation === 've') virtualization(code);
  if (generation !== 'apf-2010') readyInterrupt(code);
  wake(code);
  nmi(code, disturbance);
  undefinedOpcode(code);
  common(code);
  return code.assemble(HANDLERS, HANDLERS_BYTES);
}

function enter(code: Assembler, label: HandlerLabel, hasErrorCode: boolean): Assembler {
  code.label(label);
  if (!hasErrorCode) code.push('rax');
  return code.push(...SAVED);
}

function note(code: Assembler, kind: LogKind): Assembler {
  return code.set('rcx', LOG_KINDS[kind]).call('log');
}

/** #PF: an event where the area says so, else what it always was. */
function pageFault(code: Assembler, generation: GenerationId): void {
  enter(code, 'pageFault', true);
  if (generation === 've') {
    code.readCr2('rsi');
  } else {
    // kvm_read_and_reset_pf_reason(): whoever comes first takes the reason, whose ever it was.
    code.load32('rcx', APF_REASON).storeConstant32(APF_REASON, 0).readCr2('rsi');
    code.compare('rcx', KVM_PV_REASON_PAGE_NOT_PRESENT).jump('notPresent', 'equal');
    if (generation === 'apf-2010') code.compare('rcx', KVM_PV_REASON_PAGE_READY).jump('readyEvent', 'equal');
  }
  note(code, generation === 've' ? 'plainFault' : 'realFault');
  // fixup_exception(), and a signal for everybody else: no address of this guest can be mapped later.
  code.load('rax', FRAME_RIP).compareWith('rax', EXCEPTION_TABLE.instruction).jump('kill', 'notEqual');
  code.load('rsi', EXCEPTION_TABLE.fixup).store(FRAME_RIP, 'rsi');
  note(code, 'fixup').jump('return');
  code.label('kill');
  note(code, 'killed').out(PORTS.killed).label('idle').hlt().jump('idle');
  if (generation === 've') return;

  code.label('notPresent');
  note(code, 'notPresent');
  code.load('rax', FRAME_CS).mask('rax', CPL_MASK).compare('rax', 0).jump('sleep', 'notEqual');
  if (generation === 'apf-2010') {
    // kvm_async_pf_task_wait() where it cannot schedule.
    code.store(KERNEL_WAITS, 'rsi');
    note(code, 'kernelWaits');
    code.label('kernelHalts').sti().hlt().cli().set('rax', 0).compareWith('rax', KERNEL_WAITS).jump('kernelHalts', 'notEqual').jump('return');
  } else {
    // __kvm_handle_async_pf(): "Host injected async #PF in interrupt disabled region", "... in kernel mode".
    note(code, 'panic').out(PORTS.panic).jump('idle');
  }
  sleep(code);
}

/** Task A sleeps for the token in RSI. */
function sleep(code: Assembler): void {
  code.label('sleep').store(TASK_WAITS, 'rsi');
  note(code, 'taskSleeps');
  code.set('rax', TASK_B).store(FRAME_RIP, 'rax').jump('return');
}

/** #VE: everything about the fault is in the area, and stays there until the busy word is cleared. */
function virtualization(code: Assembler): void {
  enter(code, 'virtualization', false).load32('rcx', VE.exitReason).load('rsi', VE.gpa);
  note(code, 'virtualization');
  code.storeConstant32(VE.busy, 0);
  note(code, 'busyCleared');
  code.load('rax', FRAME_CS).mask('rax', CPL_MASK).compare('rax', 0).jump('veOfTask', 'notEqual');
  // The kernel cannot switch tasks here: it asks the host to come back with the page.
  code.out(PORTS.resolveAndReturn).jump('return');
  code.label('veOfTask').out(PORTS.resolveAndContinue);
  sleep(code);
}

/** Ready by interrupt: the token has a slot of its own, and no other event comes before it is acknowledged. */
function readyInterrupt(code: Assembler): void {
  enter(code, 'ready', false).load32('rsi', APF_TOKEN);
  code.storeConstant32(APF_TOKEN, 0).writeMsr(MSR_KVM_ASYNC_PF_ACK, KVM_ASYNC_PF_ACK_READY);
  code.jump('readyEvent');
}

/** A ready event with the token in RSI. */
function wake(code: Assembler): void {
  code.label('readyEvent');
  note(code, 'ready');
  code.compareWith('rsi', TASK_WAITS).jump('nobody', 'notEqual');
  code.storeConstant(TASK_WAITS, 0);
  note(code, 'woken');
  code.set('rax', TASK_A).store(FRAME_RIP, 'rax').jump('return');
  code.label('nobody').compareWith('rsi', KERNEL_WAITS).jump('nobodyAtAll', 'notEqual');
  code.storeConstant(KERNEL_WAITS, 0).jump('return');
  code.label('nobodyAtAll');
  note(code, 'nobodyWaits').jump('return');
}

/** NMI: touches memory of the interrupted task, as a profiler does that follows its stack. */
function nmi(code: Assembler, disturbance: Disturbance): void {
  const savesCr2 = disturbance === 'fault-in-nmi-cr2-saved';
  const touched = disturbance === 'lost-page-in-nmi' || disturbance === 'lost-page-in-nmi-busy-ignored' ? SECOND_PAGE : UNMAPPED;
  enter(code, 'nmi', false).load('rsi', FRAME_RIP);
  note(code, 'nmi');
  if (savesCr2) code.readCr2('rax').push('rax');
  code.label('nmiAccess').load32('rax', touched);
  code.label('nmiFixup');
  if (savesCr2) code.pop('rax').writeCr2('rax');
  else code.set('rax', 0);
  note(code, 'nmiEnd').jump('return');
}

/** #UD: the tasks trap by UD2. */
function undefinedOpcode(code: Assembler): void {
  enter(code, 'undefined', false).copy('rsi', 'rax').mask('rsi', 0xff);
  code.load('rax', FRAME_RIP).compare('rax', TASK_A_END).jump('taskADone', 'equal');
  code.addTo('rax', UD2_BYTES).store(FRAME_RIP, 'rax');
  note(code, 'taskB').out(PORTS.taskB).jump('return');
  code.label('taskADone');
  note(code, 'taskADone').out(PORTS.taskADone).jump('idle');
}

/** The way out of every handler, and the log. */
function common(code: Assembler): void {
  code.label('return').pop(...SAVED).addTo('rsp', ERROR_CODE_BYTES).iretq();
  appendLogRoutine(code, LOG);
}

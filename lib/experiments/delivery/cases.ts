/** In which states of a vCPU a page is missed, and what the VMM's rules say of each. */
import { AsyncPfHost } from '../../asyncpf/index.js';
import {
  KVM_ASYNC_PF_DELIVERY_AS_INT,
  KVM_ASYNC_PF_ENABLED,
  KVM_ASYNC_PF_SEND_ALWAYS,
  KVM_X86_SHADOW_INT_MOV_SS,
  KVM_X86_SHADOW_INT_STI,
  MSR_KVM_ASYNC_PF_EN,
  MSR_KVM_ASYNC_PF_INT,
  type FaultContext,
} from '../../uapi/index.js';
import { FaultAction, StockModel, StockPage } from '../../uapi/proposals/index.js';
import { AREA, READY_VECTOR } from './guest-memory.js';

/** What a missing page comes to: the guest is told; its vCPU halts but takes interrupts (synthetic halt); its vCPU waits and takes nothing. */
export type Decision = 'told' | 'halts' | 'waits';

/** One state. */
export interface DeliveryCase {
  readonly id: string;
  readonly title: string;
  readonly cpl: 0 | 3;
  readonly interrupts: boolean;
  /** What runs; the access is its last instruction, by RBX. */
  readonly code: readonly number[];
  /** Bits of MSR_KVM_ASYNC_PF_EN. */
  readonly enable: number;
  /** A shadow that user space sets (KVM_SET_VCPU_EVENTS) before the first instruction; 0 for none. */
  readonly shadow: number;
  /** HLT exits are disabled. */
  readonly hltInGuest: boolean;
  /** The page is the stack of the handler that an exception is about to start on, and not what the code loads from. */
  readonly isHandlerStack: boolean;
  /** State at the fault, for the rules. */
  readonly context: Readonly<FaultContext>;
}

const ON = KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT;
const ALWAYS = ON | KVM_ASYNC_PF_SEND_ALWAYS;
const LOAD = [0x8a, 0x03]; // mov al,[rbx]
const STI_LOAD = [0xfb, ...LOAD];
const MOV_SS_LOAD = [0x8c, 0xd0, 0x8e, 0xd0, ...LOAD]; // mov eax,ss; mov ss,eax
const UD2 = [0x0f, 0x0b];

function of(id: string, title: string, cpl: 0 | 3, interrupts: boolean, more: Partial<DeliveryCase> = {}): DeliveryCase {
  const eventPending = more.isHandlerStack === true || more.shadow !== undefined || more.code === STI_LOAD || more.code === MOV_SS_LOAD;
  return { id, title, cpl, interrupts, code: LOAD, enable: ON, shadow: 0, hltInGuest: false, isHandlerStack: false, context: { cpl, interruptsEnabled: interrupts || more.code === STI_LOAD, eventPending }, ...more };
}

/** Every state, the ordinary one first. */
export const DELIVERY_CASES: readonly DeliveryCase[] = [
  of('cpl3', 'CPL3, IF=1', 3, true),
  of('cpl3-if0', 'CPL3, IF=0', 3, false),
  of('cpl0', 'CPL0, IF=1', 0, true),
  of('cpl0-always', 'CPL0, IF=1, SEND_ALWAYS', 0, true, { enable: ALWAYS }),
  of('cpl0-always-if0', 'CPL0, IF=0, SEND_ALWAYS', 0, false, { enable: ALWAYS }),
  of('sti', 'CPL0, behind STI, SEND_ALWAYS', 0, false, { enable: ALWAYS, code: STI_LOAD }),
  of('mov-ss', 'CPL3, behind MOV SS', 3, true, { code: MOV_SS_LOAD }),
  of('mov-ss-cpl0', 'CPL0, behind MOV SS, SEND_ALWAYS', 0, true, { enable: ALWAYS, code: MOV_SS_LOAD }),
  of('shadow-sti', 'CPL3, STI shadow set by KVM_SET_VCPU_EVENTS', 3, true, { shadow: KVM_X86_SHADOW_INT_STI }),
  of('shadow-mov-ss', 'CPL3, MOV SS shadow set by KVM_SET_VCPU_EVENTS', 3, true, { shadow: KVM_X86_SHADOW_INT_MOV_SS }),
  of('delivering', 'CPL3, IF=1, while an exception is delivered (stack of its handler)', 3, true, { code: UD2, isHandlerStack: true }),
  of('off', 'CPL3, IF=1, not enabled', 3, true, { enable: 0 }),
  of('no-int', 'CPL3, IF=1, enabled without DELIVERY_AS_INT', 3, true, { enable: KVM_ASYNC_PF_ENABLED }),
  of('cpl3-no-hlt', 'CPL3, IF=1, HLT exits disabled', 3, true, { hltInGuest: true }),
  of('cpl0-no-hlt', 'CPL0, IF=1, HLT exits disabled', 0, true, { hltInGuest: true }),
  of('off-no-hlt', 'CPL3, IF=1, not enabled, HLT exits disabled', 3, true, { enable: 0, hltInGuest: true }),
];

/** What the model of a stock kernel decides. */
export function decideByModel({ enable, hltInGuest, context }: DeliveryCase): Decision {
  const model = new StockModel({ vcpus: 1, pages: 1, baseGpa: 0, hltInGuest });
  const areaIsValid = (): boolean => true;
  model.writeMsr(0, MSR_KVM_ASYNC_PF_INT, READY_VECTOR, 0, areaIsValid);
  model.writeMsr(0, MSR_KVM_ASYNC_PF_EN, AREA | enable, 0, areaIsValid);
  // The wake-all event of the enabling.
  model.takeReady(0, true);
  switch (model.fault(0, 0, StockPage.SLEEPS, { ...context })) {
    case FaultAction.CONTINUE:
      return 'told';
    case FaultAction.HALT:
      return 'halts';
    default:
      return 'waits';
  }
}

/** What the VMM decides where it plays the host itself (`apf-user`); it has no halt of its own, and says why it waits. */
export function decideByVmm({ enable, context }: DeliveryCase): { readonly decision: 'told' | 'waits'; readonly why: string | null } {
  const host = new AsyncPfHost(0, () => true);
  host.writeMsr(MSR_KVM_ASYNC_PF_INT, READY_VECTOR, 0);
  host.writeMsr(MSR_KVM_ASYNC_PF_EN, AREA | enable, 0);
  return host.fault(0, { ...context }) === 0 ? { decision: 'waits', why: host.waitReason } : { decision: 'told', why: null };
}

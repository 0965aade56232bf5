/** Whether a #VE may be delivered now. Source: Intel SDM vol. 3, "Convertible EPT Violations" and "Virtualization-Exception Information". */

/** What counts for a delivery. */
export interface VeDeliveryState {
  /** The busy word of the information area is not 0. */
  readonly busy: boolean;
  /** An exception, interrupt or NMI is on its way in: the access was part of its delivery. */
  readonly eventPending: boolean;
  /** CR0.PE. */
  readonly protectedMode: boolean;
}

/** Why a failed access is not told to the guest. It then stays an exit: what happens next is the host's to decide. */
export type VeRefusal = 'busy' | 'event-pending' | 'real-mode';

/**
 * Decides. A #VE is an exception: neither RFLAGS.IF nor the privilege level nor an interrupt shadow holds it back.
 * @returns null where it may be delivered
 */
export function veRefusal({ busy, eventPending, protectedMode }: VeDeliveryState): VeRefusal | null {
  if (!protectedMode) return 'real-mode';
  if (eventPending) return 'event-pending';
  return busy ? 'busy' : null;
}

/** For messages. */
export const VE_REFUSALS: Readonly<Record<VeRefusal, string>> = {
  busy: 'the guest has not taken the #VE before: its busy word is set',
  'event-pending': 'the access was part of the delivery of another event',
  'real-mode': 'the vCPU is in real mode',
};

/** What is wrong with how an access came out. Pure. */
import { lossAbi } from '../../loss/index.js';
import type { LossObservation } from './observation.js';

/** MCi_STATUS, bits 15:0, of a failed data load (Intel SDM vol. 3, "Architecturally Defined SRAR Errors"). */
const MCA_DATA_LOAD = 0x134n;
const MCA_ERROR_CODE = 0xffffn;

/**
 * Flaws, a few words each; none where everybody got what they need. A task needs a signal with its address, a guarded copy an error, and the guest's kernel, where nothing guards
 * its access, to say why it ends. A page that comes back is as good.
 */
export function flawsOf(observation: LossObservation): string[] {
  const { tried, end, outcome, address, panic, afterwards, mciStatus, counters } = observation;
  const flaws: string[] = [];
  if (end.kind === 'stuck') return ['it never ends'];
  if (tried.who === 'kernel' && outcome.result !== 'value') {
    if (end.kind === 'panic' && panic?.code === lossAbi.PANIC_LOST_MEMORY && panic.address === address) return [];
    return [end.kind === 'died' ? 'the guest cannot say why' : 'the guest does not say why'];
  }
  if (end.kind !== 'done') return ['the VM is gone'];
  if (outcome.result === 'none') flaws.push('nobody is told');
  if (outcome.result === 'signal' && outcome.address === 0) flaws.push('the task is told no address');
  if (outcome.result === 'signal' && outcome.address !== 0 && outcome.address !== address) flaws.push('the task is told another address');
  if (tried.who === 'task' && tried.access === 'store' && counters.machine_checks > 0 && (mciStatus & MCA_ERROR_CODE) === MCA_DATA_LOAD) flaws.push('a store is told as a failed load');
  if (afterwards === 'still lost') flaws.push('the page stays lost though the file has it again');
  return flaws;
}

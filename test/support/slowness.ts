/** How much longer than usual a test may wait: an emulated CPU is slow, not wrong. */

/** Factor from KVM_FAULTLAB_SLOWNESS, which the lab sets; 1 where nobody says otherwise. */
export const SLOWNESS = factor(process.env['KVM_FAULTLAB_SLOWNESS']);

/** A time limit, in any unit, as long as this host needs it. */
export function patience(limit: number): number {
  return limit * SLOWNESS;
}

function factor(text: string | undefined): number {
  if (text === undefined || text === '') return 1;
  const value = Number(text);
  if (!(value >= 1 && value <= 100)) throw new RangeError(`KVM_FAULTLAB_SLOWNESS must be a number from 1 to 100, not '${text}'`);
  return value;
}

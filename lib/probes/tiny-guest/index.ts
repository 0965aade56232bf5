/** A guest of a few instructions, for one experiment. */
export { describeEnd, describeVector, type GuestEnd } from './guest-end.js';
export { STAR_VALUE, addresses, type GateKind, type Trap } from './memory.js';
export { APIC_TITLES, TinyGuest, type ApicKind, type PageMemory, type TinyGuestOptions } from './tiny-guest.js';

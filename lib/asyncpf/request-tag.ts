/**
 * What a page request carries so that its completion reaches the right vCPU: the vCPU, whether the guest was told, the token it was told, and
 * the generation of the guest's enabling, all in one safe integer (52 bits at most).
 */

/** vCPUs that a tag can name. */
export const MOST_TAG_VCPUS = 256;
/** Generations are compared modulo this. */
export const GENERATIONS = 512;

const VCPU_UNIT = 2 ** 32;
const ASYNC_UNIT = 2 ** 40;
const GENERATION_UNIT = 2 ** 41;

/** Tag of a request whose vCPU waits for the page by itself (nobody tells the guest anything). Never {@link asyncTag}. */
export const SYNC_TAG = 0;

/**
 * Tag of a request that the guest knows by a token.
 * @param vcpu - vCPU index, below {@link MOST_TAG_VCPUS}
 * @param token - unsigned 32-bit token
 * @param generation - of the enabling, any non-negative integer
 */
export function asyncTag(vcpu: number, token: number, generation: number): number {
  return ASYNC_UNIT + (generation % GENERATIONS) * GENERATION_UNIT + vcpu * VCPU_UNIT + token;
}

/** True for a tag made by {@link asyncTag}. */
export function isAsyncTag(tag: number): boolean {
  return Math.floor(tag / ASYNC_UNIT) % 2 === 1;
}

/** vCPU index of an async tag. */
export function tagVcpu(tag: number): number {
  return Math.floor(tag / VCPU_UNIT) % MOST_TAG_VCPUS;
}

/** Token of an async tag, unsigned. */
export function tagToken(tag: number): number {
  return tag % VCPU_UNIT;
}

/** Generation of an async tag, modulo {@link GENERATIONS}. */
export function tagGeneration(tag: number): number {
  return Math.floor(tag / GENERATION_UNIT);
}

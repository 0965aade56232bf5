/** The guests that this package brings. */
import { fileURLToPath } from 'node:url';

/** `guest`: the bench's; `doorbell`: rings the doorbell and does nothing else (guest/doorbell). */
export type BuiltGuest = 'guest' | 'doorbell';

/** Path of a guest's ELF file; it need not be there in a checkout that was not built. */
export function guestElf(name: BuiltGuest): string {
  return fileURLToPath(new URL(`../../../guest/build/${name}.elf`, import.meta.url));
}

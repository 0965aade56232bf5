/** Whether KVM takes a memslot with bitmaps, and how large they must be. */
import { EINVAL, FaultLabError } from '../../../errors/index.js';

/** Pages that one word of a bitmap (an unsigned long) holds. */
const PAGES_PER_WORD = 64;
const BYTES_PER_WORD = 8;
/** Addresses from here on are the kernel's; bits above belong to tags. */
const USER_ADDRESSES_END = 1n << 56n;

/** Bytes of the bitmap of a slot: a bit a page, in whole unsigned longs. */
export function userfaultBitmapBytes(pages: number): number {
  return Math.ceil(pages / PAGES_PER_WORD) * BYTES_PER_WORD;
}

/**
 * The errno with which KVM_SET_USER_MEMORY_REGION2 refuses a bitmap's address, or 0: it must be untagged and, with all the bytes of the bitmap, in user
 * space. Whether anything is mapped there shows only when a fault reads it.
 */
export function userfaultBitmapErrno(address: bigint, pages: number): number {
  return address < 0n || address + BigInt(userfaultBitmapBytes(pages)) > USER_ADDRESSES_END ? EINVAL : 0;
}

/**
 * Refuses a bitmap that KVM would read past.
 * @throws FaultLabError BITMAP_SIZE for fewer bytes than the slot takes, or a number of bytes that no array of unsigned longs has
 */
export function checkUserfaultBitmapBytes(bytes: number, pages: number): void {
  const needed = userfaultBitmapBytes(pages);
  if (Number.isInteger(bytes) && bytes >= needed && bytes % BYTES_PER_WORD === 0) return;
  throw new FaultLabError('BITMAP_SIZE', `a userfault bitmap of ${bytes} bytes was given for a slot of ${pages} pages, which takes ${needed}`, {
    hint: 'allocate one bit a page, rounded up to whole 8-byte words: KVM does not know the size and would read what lies behind',
  });
}

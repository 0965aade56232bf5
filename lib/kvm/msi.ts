/** Message-signalled interrupts to a local APIC (SDM volume 3, 11.11). */

/** What KVM_SIGNAL_MSI and MSI routes take. */
export interface Msi {
  readonly addressLow: number;
  readonly addressHigh: number;
  readonly data: number;
}

/** Highest APIC id an MSI address holds without the extended destination format; 255 would be a broadcast. */
export const MAX_MSI_APIC_ID = 254;

/**
 * The MSI that raises `vector` on the APIC with id `apicId`: fixed delivery, physical destination, edge triggered.
 *
 * Throws RangeError for an id above 254 or a vector outside 16..255 (the first 16 are illegal for an APIC).
 */
export function msiTo(apicId: number, vector: number): Msi {
  if (!Number.isInteger(apicId) || apicId < 0 || apicId > MAX_MSI_APIC_ID) throw new RangeError(`an MSI cannot name APIC id ${apicId}`);
  if (!Number.isInteger(vector) || vector < 16 || vector > 255) throw new RangeError(`${vector} is no interrupt vector (16 to 255)`);
  return { addressLow: (0xfee0_0000 | (apicId << 12)) >>> 0, addressHigh: 0, data: vector };
}

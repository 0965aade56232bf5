/** Binary statistics of KVM (api.rst, KVM_GET_STATS_FD): a header, descriptors, values. */
import { structLayout } from './layout.js';

/** struct kvm_stats_header, at byte 0 of the statistics file. */
export const kvmStatsHeaderLayout = structLayout('kvm_stats_header', 24, {
  flags: [0, 4],
  name_size: [4, 4],
  num_desc: [8, 4],
  id_offset: [12, 4],
  desc_offset: [16, 4],
  data_offset: [20, 4],
});

/** struct kvm_stats_desc; its name follows it, in `name_size` bytes, ended by a NUL. */
export const kvmStatsDescLayout = structLayout('kvm_stats_desc', 16, {
  flags: [0, 4],
  exponent: [4, 2],
  size: [6, 2],
  offset: [8, 4],
  bucket_size: [12, 4],
});

/** What the header says; sizes and offsets in bytes. */
export interface StatisticsHeader {
  readonly nameSizeBytes: number;
  readonly count: number;
  readonly descriptorsOffset: number;
  readonly dataOffset: number;
}

/** One statistic that is a single 64-bit value. */
export interface StatisticPlace {
  readonly name: string;
  /** Offset in the file, in bytes. */
  readonly offset: number;
}

/** Reads the header. Throws RangeError where `bytes` is too short for it. */
export function decodeStatisticsHeader(bytes: Uint8Array): StatisticsHeader {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = (field: keyof typeof kvmStatsHeaderLayout.fields): number => data.getUint32(kvmStatsHeaderLayout.fields[field].offset, true);
  return { nameSizeBytes: read('name_size'), count: read('num_desc'), descriptorsOffset: read('desc_offset'), dataOffset: read('data_offset') };
}

/** Bytes that all descriptors of a file take. */
export function statisticDescriptorsSizeBytes({ count, nameSizeBytes }: StatisticsHeader): number {
  return count * (kvmStatsDescLayout.size + nameSizeBytes);
}

/** Reads all descriptors; histograms are left out. `bytes` are those at `descriptorsOffset`. Throws RangeError where they are too few. */
export function decodeStatisticPlaces(header: StatisticsHeader, bytes: Uint8Array): StatisticPlace[] {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { size, fields } = kvmStatsDescLayout;
  return Array.from({ length: header.count }, (_, at) => at * (size + header.nameSizeBytes))
    .filter((at) => data.getUint16(at + fields.size.offset, true) === 1)
    .map((at) => {
      const name = bytes.subarray(at + size, at + size + header.nameSizeBytes);
      const end = name.indexOf(0);
      return { name: String.fromCharCode(...name.subarray(0, end < 0 ? name.length : end)), offset: header.dataOffset + data.getUint32(at + fields.offset.offset, true) };
    });
}

/** AVX and AVX-512: whole vectors, masked ones, gather and scatter. */
import { CONSTANTS, everyPosition, page, type Form } from './form.js';

const rbx = page(0);
/** Addresses of the constants: an index vector, then a mask. */
const INDEXES = CONSTANTS;
const MASK = CONSTANTS + 64;

/** 64-bit words of a vector with these 32-bit lanes, the rest zero. */
function lanes32(lanes: readonly number[]): bigint[] {
  const words = new BigUint64Array(8);
  new Int32Array(words.buffer).set(lanes);
  return [...words];
}
/** As {@link lanes32} with 64-bit lanes. */
function lanes64(lanes: readonly number[]): bigint[] {
  const words = new BigInt64Array(8);
  words.set(lanes.map(BigInt));
  return [...words];
}
const ON = -1;

/** Vectors in one piece. */
export const VECTORS: readonly Form[] = [
  ...everyPosition('vmovdqu of 32 bytes', 'vmovdqu (%rbx), %ymm1', 'rbx', 32, { needs: ['avx'] }),
  ...everyPosition('vmovups of 32 bytes to memory', 'vmovups %ymm1, (%rbx)', 'rbx', 32, { needs: ['avx'] }),
  ...everyPosition('vmovdqu64 of 64 bytes', 'vmovdqu64 (%rbx), %zmm17', 'rbx', 64, { needs: ['avx512f'] }),
  { title: 'vbroadcastss', assembly: 'vbroadcastss (%rbx), %ymm1', registers: { rbx: page(3, -4) }, stops: [[2]], needs: ['avx'] },
  { title: 'an embedded broadcast', assembly: 'vaddps (%rbx){1to16}, %zmm1, %zmm2', registers: { rbx: page(3, -4) }, stops: [[2]], needs: ['avx512f'] },
];

/** Vectors under a mask that switches off all that lies in the second page. */
export const MASKED_VECTORS: readonly Form[] = [
  {
    title: 'maskmovdqu',
    assembly: `movdqu ${MASK}, %xmm2; maskmovdqu %xmm2, %xmm1`,
    registers: { rdi: page(3, -8) },
    constants: [...lanes32([]), ...lanes32([ON, ON, 0, 0])],
    stops: [[2]],
    optional: [3],
  },
  {
    title: 'vmaskmovps',
    assembly: `vmovdqu ${MASK}, %ymm2; vmaskmovps (%rbx), %ymm2, %ymm1`,
    registers: { rbx: page(3, -16) },
    constants: [...lanes32([]), ...lanes32([ON, 0, ON, ON, 0, 0, 0, 0])],
    stops: [[2]],
    optional: [3],
    needs: ['avx'],
  },
  {
    title: 'vpmaskmovq to memory',
    assembly: `vmovdqu ${MASK}, %ymm2; vpmaskmovq %ymm1, %ymm2, (%rbx)`,
    registers: { rbx: page(3, -8) },
    constants: [...lanes32([]), ...lanes64([0, ON, 0, ON])],
    stops: [[3]],
    optional: [2],
    needs: ['avx2'],
  },
  {
    title: 'vmovdqu32 with a mask register',
    assembly: 'mov $0x00ff, %eax; kmovw %eax, %k1; vmovdqu32 (%rbx), %zmm1{%k1}',
    registers: { rbx: page(3, -32) },
    stops: [[2]],
    optional: [3],
    needs: ['avx512f'],
  },
  {
    title: 'vpcompressd to memory',
    assembly: 'mov $0xf0f0, %eax; kmovw %eax, %k1; vpcompressd %zmm1, (%rbx){%k1}',
    registers: { rbx: page(3, -32) },
    stops: [[2]],
    optional: [3],
    needs: ['avx512f'],
  },
];

/** A gather of AVX2: indexes in vector 2, mask in vector 3. */
const gather = (title: string, mnemonic: string, target: string, index: string, mask: string, constants: readonly bigint[], stops: readonly (readonly number[])[], more: Partial<Form> = {}): Form => ({
  title,
  assembly: `vmovdqu ${INDEXES}, %ymm2; vmovdqu ${MASK}, %ymm3; ${mnemonic} ${mask}, (%rbx,${index}), ${target}`,
  registers: { rbx },
  constants,
  stops,
  needs: ['avx2'],
  ...more,
});
const ALL_ON = lanes32([ON, ON, ON, ON, ON, ON, ON, ON]);

/** Addresses from a vector. Pages in any order: the CPU may ask for any lane first. */
export const GATHERS: readonly Form[] = [
  gather('vpgatherdd, eight lanes', 'vpgatherdd', '%ymm1', '%ymm2,4', '%ymm3', [...lanes32([0x800, 0x1400, 0x800, 0x2400, 0x2401, 0x3000, 4, 5]), ...ALL_ON], [[0, 2, 5, 9, 12]]),
  gather('vpgatherdd, lanes switched off', 'vpgatherdd', '%ymm1', '%ymm2,4', '%ymm3', [...lanes32([0x800, 0x1400, 0x1800, 0x2400, 0, 0, 0, 0]), ...lanes32([ON, 0, ON, 0, 0, 0, 0, 0])], [[2, 6]]),
  gather('vpgatherdd, negative indexes', 'vpgatherdd', '%xmm1', '%xmm2,1', '%xmm3', [...lanes32([-4096, -8192, -4, -8]), ...ALL_ON], [[6, 7]], { registers: { rbx: page(8) } }),
  gather('vpgatherdd, a lane across pages', 'vpgatherdd', '%xmm1', '%xmm2,1', '%xmm3', [...lanes32([0x2ffe, 0x5000, 0x5000, 0x5000]), ...ALL_ON], [[2, 3, 5]]),
  gather('vpgatherdq, indexes of which only the lower half counts', 'vpgatherdq', '%xmm1', '%xmm2,8', '%xmm3', [...lanes32([0x400, 0xa00, 0x1400, 0x1800]), ...ALL_ON], [[2, 5]]),
  gather('vpgatherqd, two lanes', 'vpgatherqd', '%xmm1', '%xmm2,4', '%xmm3', [...lanes64([0x800, 0x1400, 0x1800, 0x2000]), ...ALL_ON], [[2, 5]]),
  gather('vpgatherqq, 64-bit indexes', 'vpgatherqq', '%ymm1', '%ymm2,1', '%ymm3', [...lanes64([-0x1_0000_0000, 0x2000 - 0x1_0000_0000, 0x5000 - 0x1_0000_0000, 0x5008 - 0x1_0000_0000]), ...ALL_ON], [[0, 2, 5]], { registers: { rbx: 0x1_0000_0000 + page(0) } }),
  gather('vgatherdpd with a displacement and no base', 'vgatherdpd', '%ymm1', '', '', [...lanes32([0, 0x200, 0x600, 0x200]), ...ALL_ON], [[1, 2, 4]], {
    assembly: `vmovdqu ${INDEXES}, %ymm2; vmovdqu ${MASK}, %ymm3; vgatherdpd %ymm3, ${page(1)}(,%xmm2,8), %ymm1`,
  }),
  {
    title: 'vpgatherdd of AVX-512, sixteen lanes, half of them off',
    assembly: `vmovdqu32 ${INDEXES}, %zmm18; mov $0x0f0f, %eax; kmovw %eax, %k2; vpgatherdd (%rbx,%zmm18,4), %zmm1{%k2}`,
    registers: { rbx },
    constants: lanes32([0x400, 0x800, 0xc00, 0x1000, 0x5000, 0x5000, 0x5000, 0x5000, 0x1400, 0x1400, 0x1400, 0x1800, 0x5000, 0x5000, 0x5000, 0x5000]),
    stops: [[1, 2, 3, 4, 5, 6]],
    needs: ['avx512f'],
  },
  {
    title: 'vpscatterdq of AVX-512',
    assembly: `vmovdqu32 ${INDEXES}, %zmm2; mov $0x1f, %eax; kmovw %eax, %k1; vpscatterdq %zmm1, (%rbx,%ymm2,8){%k1}`,
    registers: { rbx },
    constants: lanes32([0x200, 0x400, 0x600, 0x800, 0x9ff, 0xc00, 0xe00, 0xe00]),
    stops: [[1, 2, 3, 4]],
    needs: ['avx512f'],
  },
];

/** What the host's memory management offers: userfaultfd, seals, memory failure. */
import { accessSync, constants, statfsSync } from 'node:fs';
import { isCoded } from '../../errors/index.js';
import { nativeAddon } from '../../native/index.js';
import { F_SEAL_SHRINK, MADV_HWPOISON, PAGE_SIZE, PROT_NONE, uffdFeatures, type UffdFeatureName } from '../../uapi/index.js';
import type { Finding, Probe, ProbeGroup } from '../probe.js';

function hasUffdFeature(name: UffdFeatureName): Finding {
  const { Userfaultfd } = nativeAddon();
  const uffd = new Userfaultfd(0n);
  try {
    return { answer: (uffd.features & uffdFeatures[name]) === 0n ? 'no' : 'yes' };
  } finally {
    uffd.close();
  }
}

/** f_type of tmpfs (linux/magic.h). */
const TMPFS_MAGIC = 0x0102_1994;
const TMPFS_CANDIDATES = ['/dev/shm', '/run', '/tmp'];

function isWritableTmpfs(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return statfsSync(directory).type === TMPFS_MAGIC;
  } catch {
    return false;
  }
}

/** An unnamed file: nothing is left behind, whatever happens (open(2)). */
const O_TMPFILE = 0x41_0000;

/** Only memfds made for it take seals; which errno another file gives depends on its file system. */
function sealOnTmpfs(): Finding {
  const directory = TMPFS_CANDIDATES.find(isWritableTmpfs);
  if (directory === undefined) return { cannot: `no tmpfs that this process can write to among ${TMPFS_CANDIDATES.join(', ')}` };
  const file = nativeAddon().File.open(directory, O_TMPFILE | constants.O_RDWR, 0o600);
  try {
    file.addSeals(F_SEAL_SHRINK);
    return { answer: 'accepted' };
  } catch (error) {
    if (!isCoded(error) || !error.code.startsWith('FILE_E')) throw error;
    return { answer: error.code.slice('FILE_'.length) };
  } finally {
    file.close();
  }
}

/**
 * Nothing is poisoned: the kernel looks at the advice first (EINVAL without CONFIG_MEMORY_FAILURE), then at the caller's rights, and last
 * for the page, which nobody may access here.
 */
function hwpoison(): Finding {
  const mapping = nativeAddon().Mapping.anonymous(PAGE_SIZE, PROT_NONE);
  try {
    mapping.advise(0, PAGE_SIZE, MADV_HWPOISON);
    return { cannot: 'madvise poisoned a page that cannot be accessed' };
  } catch (error) {
    if (!isCoded(error)) throw error;
    switch (error.code) {
      case 'MAPPING_EFAULT':
        return { answer: 'yes' };
      case 'MAPPING_EPERM':
        return { answer: 'yes', detail: 'not for this user: needs CAP_SYS_ADMIN' };
      case 'MAPPING_EINVAL':
        return { answer: 'no', detail: 'no CONFIG_MEMORY_FAILURE' };
      default:
        throw error;
    }
  } finally {
    mapping.close();
  }
}

const UFFD_FEATURES = Object.keys(uffdFeatures) as UffdFeatureName[];

/** See the module's comment. */
export const hostMemory: ProbeGroup = {
  id: 'host-memory',
  title: "The host's memory management",
  probes: [
    ...UFFD_FEATURES.map((name): Probe => ({ id: `uffd-${name.toLowerCase().replaceAll('_', '-')}`, title: `UFFD_FEATURE_${name}`, find: () => hasUffdFeature(name) })),
    { id: 'seal-tmpfs', title: 'F_ADD_SEALS on a regular file of tmpfs', find: sealOnTmpfs },
    { id: 'hwpoison', title: 'MADV_HWPOISON', find: hwpoison },
  ],
};

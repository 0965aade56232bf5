import { describeError, hintFor } from '../../errors/index.js';
import { describeHost } from '../../kvm/index.js';
import type { UffdFeatureName } from '../../uapi/index.js';
import { capabilityChecks } from './capability-checks.js';
import type { Check } from './check.js';
import type { BuildTool, Observations, Probed } from './observations.js';

/** The oldest Node.js this project supports, and the Node-API level its addon is built for. */
export const MINIMUM_NODE = { major: 20, minor: 17 } as const;
export const REQUIRED_NAPI = 9;

const MIB = 1024 * 1024;
/** Less than this, and the standard run (an image of 64 MiB, two mappings, Node itself) is at risk. */
const COMFORTABLE_BYTES = 512 * MIB;

/** userfaultfd features worth naming: without the needed ones a mode cannot run. */
const UFFD_NEEDED: readonly UffdFeatureName[] = ['MISSING_SHMEM', 'MINOR_SHMEM', 'SIGBUS', 'THREAD_ID'];
const UFFD_USEFUL: readonly UffdFeatureName[] = ['EXACT_ADDRESS', 'POISON'];

function nodeCheck({ node }: Observations): Check {
  const oldest = `${MINIMUM_NODE.major}.${MINIMUM_NODE.minor}`;
  const base = { id: 'node', title: 'Node.js', found: `${node.version}, Node-API ${node.napi}`, meaning: `needs ${oldest} or newer` };
  const [major, minor] = node.version.split('.').map(Number);
  const newEnough = major > MINIMUM_NODE.major || (major === MINIMUM_NODE.major && minor >= MINIMUM_NODE.minor);
  if (newEnough && node.napi >= REQUIRED_NAPI) return { ...base, status: 'ok' };
  return { ...base, status: 'missing', remedy: `Install Node.js ${oldest} or newer (https://nodejs.org).` };
}

/** What to type to have the tools that are absent; undefined where all are there. */
export function aptRemedy(tools: readonly BuildTool[]): string | undefined {
  const absent = tools.filter((tool) => !tool.present).map((tool) => tool.aptPackage);
  return absent.length === 0 ? undefined : `sudo apt-get install ${absent.join(' ')}`;
}

function addonCheck({ addon, buildTools }: Observations): Check {
  const base = { id: 'addon', title: 'native addon', meaning: 'every system call goes through it' };
  if (addon.found) return { ...base, status: 'ok', found: 'loads' };
  const install = aptRemedy(buildTools);
  const absent = buildTools.filter((tool) => !tool.present).map((tool) => tool.program);
  return {
    ...base,
    status: 'missing',
    found: `${addon.error.code}${absent.length === 0 ? '; compiler is there' : `; no ${absent.join(', ')}`}`,
    remedy: `${install === undefined ? '' : `${install}; then `}npm run build:native`,
  };
}

function guestCheck({ guest, buildTools }: Observations): Check {
  const base = { id: 'guest', title: 'guest', meaning: 'the kernel that lives through the faults' };
  if (guest.built) return { ...base, status: 'ok', found: guest.path };
  const install = aptRemedy(buildTools.filter((tool) => tool.program !== 'python3'));
  return { ...base, status: 'missing', found: `no ${guest.path}`, remedy: `${install === undefined ? '' : `${install}; then `}npm run build:guest` };
}

function hostCheck({ host }: Observations): Check {
  const base = { id: 'host', title: 'host', found: describeHost(host) };
  if (host.kind === 'unknown') {
    return { ...base, status: 'warn', meaning: 'neither kvm_intel, kvm_amd nor kvm_pvm is in charge', remedy: hintFor('KVM_ENOENT') ?? '' };
  }
  if (host.emulated) return { ...base, status: 'warn', meaning: 'events are right, times mean nothing', remedy: 'Measure on real hardware.' };
  if (host.kind === 'PVM') return { ...base, status: 'ok', meaning: 'guest CPL0 is emulated: each report states what that costs' };
  return { ...base, status: 'ok', meaning: `guest runs on the hardware's ${host.kind}` };
}

function failed<T>(probe: Probed<T>): { found: string; remedy: string } {
  return probe.found ? { found: '', remedy: '' } : { found: probe.error.code, remedy: probe.error.hint ?? describeError(probe.error) };
}

function deviceCheck({ device }: Observations): Check {
  const base = { id: 'dev-kvm', title: '/dev/kvm', meaning: 'KVM for this user' };
  return device.found ? { ...base, status: 'ok', found: 'opens' } : { ...base, status: 'missing', ...failed(device) };
}

function kvmChecks({ kvm, addon, device }: Observations): Check[] {
  const base = { id: 'kvm-api', title: 'KVM API', meaning: 'version 12 since Linux 2.6.22' };
  if (!kvm.found) {
    // The line above says it already; without the addon there is nobody to ask.
    if (!addon.found || !device.found) return [{ ...base, status: 'missing', found: 'not asked', remedy: 'Remedy the lines above first.' }];
    return [{ ...base, status: 'missing', ...failed(kvm) }];
  }
  const version: Check = { ...base, status: 'ok', found: `version ${kvm.value.apiVersion}` };
  const vm: Check = { id: 'kvm-vm', title: 'virtual machine', meaning: 'KVM_CREATE_VM', ...(kvm.value.vm.found ? { status: 'ok', found: 'can be made' } : { status: 'missing', ...failed(kvm.value.vm) }) };
  return [version, vm, ...capabilityChecks(kvm.value)];
}

function uffdChecks({ uffd, addon }: Observations): Check[] {
  const base = { id: 'uffd', title: 'userfaultfd', meaning: 'tells the VMM of missing pages, and fills them' };
  if (!uffd.found) {
    if (!addon.found) return [{ ...base, status: 'missing', found: 'not asked', remedy: 'Remedy the lines above first.' }];
    return [{ ...base, status: 'missing', ...failed(uffd) }];
  }
  const { features, way } = uffd.value;
  const absent = [...UFFD_NEEDED, ...UFFD_USEFUL].filter((name) => !features.includes(name));
  const present = [...UFFD_NEEDED, ...UFFD_USEFUL].filter((name) => features.includes(name));
  const featureBase = { id: 'uffd-features', title: 'userfaultfd features', found: present.join(', ') || 'none', meaning: 'pages of shared memory; faults as errors; who faulted' };
  return [
    { ...base, status: 'ok', found: `by ${way}` },
    absent.length === 0
      ? { ...featureBase, status: 'ok' }
      : {
          ...featureBase,
          status: absent.some((name) => UFFD_NEEDED.includes(name)) ? 'missing' : 'warn',
          remedy: `Lacks ${absent.join(', ')}: MINOR_SHMEM is in kernels since 5.14, EXACT_ADDRESS since 5.18, POISON since 6.6.`,
        },
  ];
}

function memoryCheck({ memory }: Observations): Check {
  const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;
  const base = { id: 'memory', title: 'memory', found: `${mib(memory.availableBytes)} of ${mib(memory.totalBytes)} available`, meaning: 'the image and its mappings' };
  if (memory.availableBytes >= COMFORTABLE_BYTES) return { ...base, status: 'ok' };
  return { ...base, status: 'warn', remedy: `Page a smaller image (--pages), or free ${mib(COMFORTABLE_BYTES - memory.availableBytes)}.` };
}

/** Every line of the report, in order: first what the others build on. */
export function checksOf(observed: Observations): Check[] {
  return [nodeCheck(observed), addonCheck(observed), guestCheck(observed), hostCheck(observed), deviceCheck(observed), ...kvmChecks(observed), ...uffdChecks(observed), memoryCheck(observed)];
}

import { accessSync, closeSync, constants, existsSync, openSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { availableMemoryBytes } from '../../bench/index.js';
import { attempt, FaultLabError, fromNative } from '../../errors/index.js';
import { nativeAddon, packageRoot } from '../../native/index.js';
import { Kvm, probeUapi, readHost, type CapabilityNumbers, type Host, type UapiSupport, type Vm } from '../../kvm/index.js';
import {
  capabilities,
  findCpuid,
  KVM_CPUID_FEATURES,
  uffdFeatureNames,
  type CapabilityName,
  type UffdFeatureName,
} from '../../uapi/index.js';
import { UAPI_PROFILES } from '../../uapi/proposals/index.js';

/** Something that was looked for: it is there, or the reason why not. */
export type Probed<T> = { readonly found: true; readonly value: T } | { readonly found: false; readonly error: FaultLabError };

/** Values of KVM_CHECK_EXTENSION by capability. */
export type CapabilityValues = Readonly<Record<CapabilityName, number>>;

/** What /dev/kvm says. */
export interface KvmObservations {
  readonly apiVersion: number;
  /** As /dev/kvm answers. */
  readonly device: CapabilityValues;
  /** As a VM answers: the one that counts. */
  readonly vm: Probed<CapabilityValues>;
  /** EAX of CPUID leaf 0x40000001 as KVM supports it. */
  readonly pvFeatures: number;
}

/** What userfaultfd says. */
export interface UffdObservations {
  readonly features: readonly UffdFeatureName[];
  /** How this process gets one. */
  readonly way: 'userfaultfd(2)' | '/dev/userfaultfd';
}

/** A program the build needs, and the Debian package it comes in. */
export interface BuildTool {
  readonly program: string;
  readonly aptPackage: string;
  readonly present: boolean;
}

/** Everything the doctor judges by. Plain data: a host can be made up. */
export interface Observations {
  readonly host: Host;
  /** process.versions. */
  readonly node: { readonly version: string; readonly napi: number };
  readonly addon: Probed<null>;
  readonly buildTools: readonly BuildTool[];
  /** Path of the guest's ELF, and whether it is there. */
  readonly guest: { readonly path: string; readonly built: boolean };
  /** Opening /dev/kvm for reading and writing, without the addon. */
  readonly device: Probed<null>;
  readonly kvm: Probed<KvmObservations>;
  readonly uffd: Probed<UffdObservations>;
  /** What the kernel has of each proposal. */
  readonly proposals: Probed<readonly UapiSupport[]>;
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number };
}

function probed<T>(tried: string, action: () => T): Probed<T> {
  try {
    return { found: true, value: action() };
  } catch (error) {
    return { found: false, error: fromNative(error, tried) };
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const BUILD_TOOLS = [
  ['g++', 'g++'],
  ['make', 'make'],
  ['python3', 'python3'],
] as const;

function probeDevice(path: string): Probed<null> {
  try {
    closeSync(openSync(path, constants.O_RDWR));
    return { found: true, value: null };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
    return { found: false, error: new FaultLabError(`KVM_${code}`, `could not open ${path}: ${code}`, { syscall: 'open', cause: error }) };
  }
}

function capabilityValues(check: (capability: CapabilityName) => number): CapabilityValues {
  const names = Object.keys(capabilities) as CapabilityName[];
  return Object.fromEntries(names.map((name) => [name, check(name)])) as Record<CapabilityName, number>;
}

function probeVm(kvm: Kvm): Probed<CapabilityValues> {
  let vm: Vm | undefined;
  try {
    return probed('create a VM', () => {
      const created = (vm = kvm.createVm());
      return capabilityValues((name) => created.checkExtension(name));
    });
  } finally {
    vm?.close();
  }
}

function probeKvm(path: string): KvmObservations {
  const kvm = Kvm.open(path);
  try {
    return {
      apiVersion: kvm.apiVersion(),
      device: capabilityValues((name) => kvm.checkExtension(name)),
      vm: probeVm(kvm),
      pvFeatures: findCpuid(kvm.supportedCpuid(), KVM_CPUID_FEATURES)?.eax ?? 0,
    };
  } finally {
    kvm.close();
  }
}

function probeProposals(path: string, numbers: CapabilityNumbers): UapiSupport[] {
  const kvm = Kvm.open(path);
  try {
    return Object.values(UAPI_PROFILES).map((profile) => probeUapi(kvm, profile, numbers));
  } finally {
    kvm.close();
  }
}

/** The system call serves those with CAP_SYS_PTRACE (bit 19) and, by sysctl, everybody; the device those who may open it. */
function uffdWay(): UffdObservations['way'] {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText('/proc/self/status'))?.[1] ?? '0';
  const mayTrace = ((BigInt(`0x${effective}`) >> 19n) & 1n) === 1n;
  return mayTrace || readText('/proc/sys/vm/unprivileged_userfaultfd').trim() === '1' ? 'userfaultfd(2)' : '/dev/userfaultfd';
}

function probeUffd(): UffdObservations {
  const uffd = attempt('open a userfaultfd', () => new (nativeAddon().Userfaultfd)(0n));
  try {
    return { features: uffdFeatureNames(uffd.features), way: uffdWay() };
  } finally {
    uffd.close();
  }
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A program counts when it answers to --version: a compiler that cannot run is as good as none. */
function answers(program: string): boolean {
  return isOnPath(program) && spawnSync(program, ['--version'], { stdio: 'ignore', timeout: 10_000 }).status === 0;
}

/**
 * Looks at this host. Never throws: what cannot be had is part of what was observed. `kvmPath` is another device than /dev/kvm, `numbers` those of
 * proposals' capabilities where they are not the profiles' own.
 */
export function observeHost(kvmPath = '/dev/kvm', numbers: CapabilityNumbers = {}): Observations {
  const guestPath = join(packageRoot(), 'guest', 'build', 'guest.elf');
  const addon = probed('load the native addon', () => {
    nativeAddon();
    return null;
  });
  return {
    host: readHost(),
    node: { version: process.versions.node, napi: Number(process.versions['napi'] ?? 0) },
    addon,
    buildTools: BUILD_TOOLS.map(([program, aptPackage]) => ({ program, aptPackage, present: answers(program) })),
    guest: { path: guestPath, built: existsSync(guestPath) },
    device: probeDevice(kvmPath),
    kvm: probed('ask KVM what it offers', () => probeKvm(kvmPath)),
    uffd: probed('ask userfaultfd what it offers', probeUffd),
    proposals: probed('ask KVM for proposals', () => probeProposals(kvmPath, numbers)),
    memory: { totalBytes: totalmem(), availableBytes: availableMemoryBytes() },
  };
}

import { readFileSync, readdirSync } from 'node:fs';
import { release } from 'node:os';

/** What runs a guest's instructions on this host. Every figure this project prints names it. */
export type HostKind = 'VMX' | 'SVM' | 'PVM' | 'unknown';

/** The host, as reports name it. */
export interface Host {
  readonly kind: HostKind;
  readonly kernelRelease: string;
  readonly cpuModel: string;
  /** CPUs in /proc/cpuinfo. */
  readonly cpuCount: number;
  /** True where the host is a virtual machine itself. */
  readonly virtualized: boolean;
  /** True where its CPU is emulated by software (QEMU's TCG): its times mean nothing. */
  readonly emulated: boolean;
}

/** What `classifyHost` judges by. */
export interface HostFacts {
  /** /proc/cpuinfo. */
  readonly cpuinfo: string;
  /** Names in /sys/module. */
  readonly modules: readonly string[];
  /** DMI sys_vendor and product_name; empty where there is no DMI. */
  readonly dmi: string;
  /** Clock sources the kernel found: a guest of KVM has kvm-clock. */
  readonly clockSources: readonly string[];
  readonly kernelRelease: string;
}

/**
 * Judges a host by its facts. A hardware module counts only with its CPU flag: a built-in kvm_amd leaves its directory in
 * /sys/module although it could not start.
 */
export function classifyHost(facts: HostFacts): Host {
  const value = (key: string): string => new RegExp(`^${key}\\s*:\\s*(.*)$`, 'm').exec(facts.cpuinfo)?.[1].trim() ?? '';
  const flags = new Set(value('flags').split(/\s+/));
  const loaded = (module: string): boolean => facts.modules.includes(module);
  const cpuModel = value('model name');
  const isQemu = /QEMU/i.test(facts.dmi) || /QEMU/i.test(cpuModel);
  // Under KVM a QEMU guest is offered kvm-clock (or Hyper-V's page); the emulator offers neither.
  const accelerated = facts.clockSources.some((source) => source === 'kvm-clock' || source.startsWith('hyperv'));
  const emulated = /\bTCG\b/.test(cpuModel) || (isQemu && !accelerated);
  return {
    kind:
      loaded('kvm_intel') && flags.has('vmx')
        ? 'VMX'
        : loaded('kvm_amd') && flags.has('svm')
          ? 'SVM'
          : loaded('kvm_pvm')
            ? 'PVM'
            : 'unknown',
    kernelRelease: facts.kernelRelease,
    cpuModel: cpuModel === '' ? 'unknown CPU' : cpuModel,
    cpuCount: facts.cpuinfo.match(/^processor\s*:/gm)?.length ?? 1,
    virtualized: emulated || flags.has('hypervisor'),
    emulated,
  };
}

/** The host this process runs on. Reads /proc and /sys; what cannot be read counts as absent. */
export function readHost(): Host {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8').trim();
    } catch {
      return '';
    }
  };
  const list = (path: string): string[] => {
    try {
      return readdirSync(path);
    } catch {
      return [];
    }
  };
  return classifyHost({
    cpuinfo: read('/proc/cpuinfo'),
    modules: list('/sys/module'),
    dmi: `${read('/sys/class/dmi/id/sys_vendor')} ${read('/sys/class/dmi/id/product_name')}`,
    clockSources: read('/sys/devices/system/clocksource/clocksource0/available_clocksource').split(/\s+/),
    kernelRelease: release(),
  });
}

/** A host in one line, for headers: kind, kernel, CPU, and what it is made of where that is not hardware. */
export function describeHost(host: Pick<Host, 'kind' | 'kernelRelease' | 'cpuModel' | 'cpuCount' | 'virtualized' | 'emulated'>): string {
  const place = host.emulated ? ' (CPU EMULATED)' : host.virtualized ? ' (itself virtualized)' : '';
  return `${host.kind}, Linux ${host.kernelRelease}, ${host.cpuModel}, ${host.cpuCount} CPU${host.cpuCount === 1 ? '' : 's'}${place}`;
}

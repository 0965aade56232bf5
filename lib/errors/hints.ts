/**
 * What the user can do about an error, by its code. The codes are stable: scripts and tests match on them.
 */

/** For whom KVM is out of reach. */
const OR_LAB = 'Or put --lab before the command: `kvm-faultlab --lab COMMAND` runs it on a real KVM host in emulation, which needs no /dev/kvm.';

/** Codes with a remedy that is always the same. An error may carry a hint of its own, which then wins. */
const hintByCode = {
  KVM_ENOENT:
    `Load the module of this CPU (modprobe kvm_intel, kvm_amd or kvm_pvm), switch virtualization on in the firmware, or, in a VM or container, have /dev/kvm passed in. ${OR_LAB}`,
  KVM_ENXIO: `Load the module of this CPU (modprobe kvm_intel, kvm_amd or kvm_pvm): /dev/kvm exists but nothing serves it. ${OR_LAB}`,
  KVM_ENODEV: `Load the module of this CPU (modprobe kvm_intel, kvm_amd or kvm_pvm): /dev/kvm exists but nothing serves it. ${OR_LAB}`,
  KVM_EACCES:
    `Join the group that owns /dev/kvm (sudo usermod -aG kvm "$USER", then log in again), grant it to yourself (sudo setfacl -m u:$USER:rw /dev/kvm), or run as root. ${OR_LAB}`,
  KVM_EPERM: `A security policy (seccomp, SELinux, container device rules) refuses /dev/kvm to this process: allow it, or run outside the sandbox. ${OR_LAB}`,
  KVM_ENOMEM: 'Give the VM less memory, or free some: KVM could not allocate what it needs.',
  KVM_EHWPOISON:
    'The host memory behind this gpa is poisoned: tell the guest (machine check), or punch a hole there for new memory, whose contents are zero.',
  KVM_API_VERSION: 'Only KVM API version 12 exists in kernels since 2.6.22: what answered at this path is not KVM.',
  KVM_MSR_REFUSED: 'KVM does not know this MSR or refuses the value; `kvm-faultlab doctor` lists what this host offers.',
  CAP_MISSING: 'Use a newer kernel or another delivery mode; `kvm-faultlab doctor` lists what this host offers.',
  UAPI_ABSENT:
    'Use the emulation, or boot a kernel with the patches; where they are in and a capability has another number, give it with --cap NAME=NUMBER. `kvm-faultlab doctor` says what was found.',
  VCPU_NO_PAGE: 'KVM has no such page on this kernel, or it was not set up yet.',
  UFFD_EPERM:
    'Run as root, set sysctl vm.unprivileged_userfaultfd=1, or grant yourself /dev/userfaultfd (sudo setfacl -m u:$USER:rw /dev/userfaultfd).',
  UFFD_EACCES: 'Grant yourself /dev/userfaultfd (sudo setfacl -m u:$USER:rw /dev/userfaultfd), or run as root.',
  UFFD_ENOSYS: 'This kernel was built without CONFIG_USERFAULTFD: use a distribution kernel.',
  UFFD_EINVAL: 'This kernel lacks a userfaultfd feature that was asked for; `kvm-faultlab doctor` lists the features it has.',
  ADDON_NOT_BUILT:
    'In a checkout run `npm run build:native`, in a project that depends on the package `npm rebuild kvm-faultlab` (Debian, Ubuntu: apt-get install g++ make python3).',
  VCPU_WRONG_THREAD: 'Create, run and close a vCPU in one Worker; other threads may only kick it.',
  HANDLE_CLOSED: 'Use the object before its close().',
  MAPPING_SIGBUS: 'The file behind this memory has become shorter, or the page is missing: restore its length, or map memory that cannot shrink.',
  MAPPING_POISONED: 'The contents of this page are lost: drop it (punch a hole into its file, or MADV_DONTNEED for anonymous memory) and fill it again.',
  PAGE_RACED: 'A vCPU touches the page all the time: stop it for the moment, or try again.',
  MEMORY_POISONED: 'The contents are lost: run the guest from a good copy, or name a `memoryFailureHandler` that replaces the page or tells the guest.',
  MAPPING_SIGSEGV: 'This part of the mapping is not accessible: look for a mprotect or munmap of the range.',
} as const;

/** A code that has a standing hint. */
export type HintedCode = keyof typeof hintByCode;

/** The standing hint for a code; undefined where there is none. */
export function hintFor(code: string): string | undefined {
  return Object.hasOwn(hintByCode, code) ? hintByCode[code as HintedCode] : undefined;
}

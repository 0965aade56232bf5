/** Exit codes of every command; `bench --help` and docs/CLI.md list them. */
import { isCoded } from '../errors/index.js';

/** What the process ends with. */
export const ExitCode = {
  /** Everything asked for was done and every verdict is good. */
  OK: 0,
  /** A verdict is bad: a page differs, counts disagree, or doctor found a mode that cannot work, compared verdicts differ or a compared figure changed. */
  VERDICT: 1,
  /** The command line or the input it names is wrong. */
  USAGE: 2,
  /** This host lacks something: /dev/kvm, a permission, a capability, userfaultfd, the addon. */
  HOST: 3,
  /** The run itself broke: the guest gave up, a resolver failed, a Worker died, nothing moved any more. */
  RUN: 4,
  /** Ended by Ctrl-C or SIGTERM; what was done until then was printed. */
  INTERRUPTED: 130,
} as const;

const USAGE_CODES = /^(BAD_OPTION|GUEST_ELF|IMAGE_(MISSING|EMPTY|UNREADABLE|UNWRITABLE|TOO_LARGE|NOT_DIRECT)|TRACE_(UNREADABLE|DAMAGED)|LATENCIES_UNREADABLE|NBD_(UNREACHABLE|REFUSED)|REPORT_(UNWRITABLE|UNREADABLE|NOT_JSON|FOREIGN|VERSION|DAMAGED|HOSTS)|COMPARE_EMULATED|COMPARE_HOSTS|POLICY_UNUSABLE)$/;
const HOST_CODES = /^(CAP_MISSING|UAPI_ABSENT|TRAP_UNUSABLE|ADDON_NOT_BUILT|REFERENCE_NOT_BUILT|GUEST_NOT_BUILT|KVM_(ENOENT|EACCES|EPERM|ENODEV|ENXIO|API_VERSION|EBUSY)|UFFD_(EPERM|ENOSYS|EINVAL|EACCES))$/;

/** The exit code for an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  const code = isCoded(error) ? error.code : '';
  if (USAGE_CODES.test(code)) return ExitCode.USAGE;
  return HOST_CODES.test(code) ? ExitCode.HOST : ExitCode.RUN;
}

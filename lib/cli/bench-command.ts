/** `kvm-faultlab bench`: the main job. */
import { isatty } from 'node:tty';
import { Command, Option } from 'commander';
import { BENCH_DEFAULTS, BenchFailure, formatDuration, parseDuration, parsePolicy, renderReport, runBench, type BenchOptions, type BenchReport } from '../bench/index.js';
import { FaultLabError, describeError } from '../errors/index.js';
import { MAX_TASKS, MAX_VCPUS, MAX_WINDOW_PAGES, TRAP_CHOICES, type TrapChoice } from '../guest/index.js';
import {
  MAX_LATENCY_NS,
  MAX_RESOLVERS,
  MAX_TICK_NS,
  MIN_TICK_NS,
  MODES,
  UAPI_MODES,
  isDeliveryMode,
  type DeliveryMode,
} from '../machine/index.js';
import type { CapabilityNumbers } from '../kvm/index.js';
import { UAPI_NAMES, type UapiName } from '../uapi/proposals/index.js';
import { ExitCode, exitCodeOf } from './exit-codes.js';
import { FileOption, STANDARD_STREAM, requireWritable } from './files.js';
import { Interruption } from './interruption.js';
import { ProgressDisplay } from './progress.js';
import { saveReport } from './save.js';
import { capabilityOption, uapiOption } from './uapi-options.js';

interface Flags {
  readonly image?: string;
  readonly uapi: UapiName;
  /** Those of the profile when left out. */
  readonly modes?: DeliveryMode[];
  readonly policy: string;
  readonly cap?: CapabilityNumbers;
  readonly emulate?: true;
  readonly vcpus: number;
  readonly faultTasks: number;
  readonly workTasks: number;
  readonly latency: number;
  readonly quickShare: number;
  readonly quickLatency: number;
  readonly order: 'seq' | 'random';
  readonly seed: number;
  readonly pages?: number;
  readonly resolvers: number;
  readonly trap: TrapChoice;
  readonly tick: number;
  readonly control: number;
  readonly json?: string;
  readonly guest?: string;
}

const EXAMPLES = `
Examples:
  kvm-faultlab bench
      all four modes page an image of 64 MiB with no added latency
  kvm-faultlab bench --image disk.img --latency 1ms --pages 4000
      the first 4000 pages of a file, each request 1 ms on its way
  kvm-faultlab bench --modes sync-exit,apf-user --latency 10ms --pages 2000 --order random
      two modes side by side over a slow network, pages in random order
  kvm-faultlab bench --vcpus 4 --json report.json
      four vCPUs; the report goes to a file as JSON as well ('-': to standard output instead of the table)
  kvm-faultlab bench --modes sync-exit --trap ud2
      the guest's tasks trap by ud2 although the host may have something faster
  kvm-faultlab bench --uapi async-pf-userfault-2026 --latency 1ms
      every mode of a proposal that is not merged
  kvm-faultlab bench --uapi sync-async-2bit --modes apf-user --policy latency:50us --latency 1ms --quick-share 0.5 --quick-latency 10us
      half of the pages at hand, the others far away, and a policy that learns which

Modes:
${Object.entries(MODES).map(([mode, { summary }]) => `  ${mode.padEnd(13)}${summary}`).join('\n')}

Modes of a profile:
${UAPI_NAMES.map((uapi) => `  ${uapi.padEnd(25)}${UAPI_MODES[uapi].join(', ')}`).join('\n')}

Exit codes: 0 passed, 1 a page or a count is wrong, 2 wrong use, 3 the host lacks something, 4 the run broke, 130 interrupted.
`;

/** Builds the command. `setExitCode` receives what the process should end with. */
export function benchCommand(setExitCode: (code: number) => void): Command {
  return new Command('bench')
    .description('page a real file into the tiny guest in every delivery mode, prove each byte, and print what each mode cost')
    .addOption(new FileOption('--image <file>', 'file to page in (default: an image of 64 MiB made for the run, larger where --pages is)', 'input'))
    .addOption(uapiOption().default(BENCH_DEFAULTS.uapi))
    .addOption(capabilityOption())
    .addOption(new Option('--emulate', 'do not use the kernel\'s own ioctls even where it has the proposal'))
    .addOption(new Option('--modes <list>', 'comma-separated delivery modes (default: all of the profile)').argParser(parseModes))
    .addOption(new Option('--policy <name>', 'who waits for its page: always-async, always-sync, state, latency or latency:TIME, module:FILE').default(BENCH_DEFAULTS.policy))
    .addOption(counted('--vcpus <n>', 'vCPUs', 1, MAX_VCPUS, BENCH_DEFAULTS.vcpus))
    .addOption(counted('--fault-tasks <n>', 'tasks on each vCPU that visit pages', 1, MAX_TASKS, BENCH_DEFAULTS.faultTasks))
    .addOption(counted('--work-tasks <n>', 'tasks on each vCPU that count meanwhile', 0, MAX_TASKS - 1, BENCH_DEFAULTS.workTasks))
    .addOption(timed('--latency <time>', 'added to every page request: a network or a disk', 0, MAX_LATENCY_NS, BENCH_DEFAULTS.latencyNs))
    .addOption(shared('--quick-share <share>', 'share of the pages that have --quick-latency instead, 0 to 1', BENCH_DEFAULTS.quickShare))
    .addOption(timed('--quick-latency <time>', 'latency of quick pages', 0, MAX_LATENCY_NS, BENCH_DEFAULTS.quickLatencyNs))
    .addOption(new Option('--order <order>', 'order in which pages are visited').choices(['seq', 'random']).default(BENCH_DEFAULTS.order))
    .addOption(counted('--seed <n>', 'seed of the random order', 0, 2 ** 31 - 1, BENCH_DEFAULTS.seed))
    .addOption(counted('--pages <n>', 'pages to visit (default: all of the image)', 1, MAX_WINDOW_PAGES))
    .addOption(counted('--resolvers <n>', 'resolver Workers', 1, MAX_RESOLVERS, BENCH_DEFAULTS.resolvers))
    .addOption(new Option('--trap <instruction>', "how the guest's tasks enter their kernel; auto: the best that works here").choices(TRAP_CHOICES).default(BENCH_DEFAULTS.trap))
    .addOption(timed('--tick <time>', "tick of the guest's scheduler", MIN_TICK_NS, MAX_TICK_NS, BENCH_DEFAULTS.tickNs))
    .addOption(timed('--control <time>', 'length of the control phases before and after paging', 0, 60e9, BENCH_DEFAULTS.controlNs))
    .addOption(new FileOption('--json <file>', "write the report as JSON to a file, or to standard output with '-'", 'output'))
    .addOption(new FileOption('--guest <file>', "another guest ELF than the project's own", 'input'))
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .action(async (flags: Flags) => {
      setExitCode(await run(flags));
    });
}

async function run(flags: Flags): Promise<number> {
  parsePolicy(flags.policy);
  if (flags.json !== undefined && flags.json !== STANDARD_STREAM) requireWritable(flags.json);
  const progress = new ProgressDisplay(isatty(process.stderr.fd));
  const interruption = new Interruption();
  try {
    const report = await runBench(toOptions(flags), {
      started: (mode, machine) => {
        progress.begin(mode, machine);
        interruption.follow(machine);
      },
      ended: () => {
        interruption.follow(null);
        progress.end();
      },
      interrupted: () => interruption.requested,
    });
    emit(report, flags.json);
    if (interruption.requested) return ExitCode.INTERRUPTED;
    return report.passed ? ExitCode.OK : ExitCode.VERDICT;
  } catch (error) {
    if (!(error instanceof BenchFailure)) throw error;
    if (error.report.modes.length > 0) emit(error.report, flags.json);
    process.stderr.write(`mode ${error.mode}: ${describeError(error.cause)}\n`);
    return interruption.requested ? ExitCode.INTERRUPTED : exitCodeOf(error.cause);
  } finally {
    interruption.close();
  }
}

function toOptions(flags: Flags): BenchOptions {
  return {
    uapi: flags.uapi,
    modes: flags.modes ?? UAPI_MODES[flags.uapi],
    policy: flags.policy,
    capabilities: flags.cap ?? {},
    emulate: flags.emulate === true,
    order: flags.order,
    seed: flags.seed,
    vcpus: flags.vcpus,
    faultTasks: flags.faultTasks,
    workTasks: flags.workTasks,
    latencyNs: flags.latency,
    quickShare: flags.quickShare,
    quickLatencyNs: flags.quickLatency,
    resolvers: flags.resolvers,
    trap: flags.trap,
    tickNs: flags.tick,
    controlNs: flags.control,
    ...(flags.image === undefined ? {} : { image: flags.image }),
    ...(flags.pages === undefined ? {} : { pages: flags.pages }),
    ...(flags.guest === undefined ? {} : { guestPath: flags.guest }),
  };
}

function emit(report: BenchReport, json: string | undefined): void {
  const text = `${JSON.stringify(report, null, 2)}\n`;
  if (json === STANDARD_STREAM) {
    process.stdout.write(text);
    return;
  }
  process.stdout.write(`${renderReport(report, { color: isatty(process.stdout.fd) && process.env['NO_COLOR'] === undefined })}\n`);
  if (json === undefined) return;
  saveReport(json, text);
}

function parseModes(text: string): DeliveryMode[] {
  const names = text.split(',').map((name) => name.trim());
  const modes: DeliveryMode[] = [];
  for (const name of names) {
    if (!isDeliveryMode(name)) throw new FaultLabError('BAD_OPTION', `unknown mode '${name}'`, { hint: `modes are ${Object.keys(MODES).join(', ')}` });
    if (!modes.includes(name)) modes.push(name);
  }
  return modes;
}

/** An option that takes a whole number from `least` to `most`. */
function counted(flags: string, description: string, least: number, most: number, initial?: number): Option {
  const name = flags.split(' ')[0];
  const option = new Option(flags, description).argParser((text: string) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new FaultLabError('BAD_OPTION', `${name} must be a whole number from ${least} to ${most}, not '${text}'`);
  });
  return initial === undefined ? option : option.default(initial);
}

/** An option that takes a share. */
function shared(flags: string, description: string, initial: number): Option {
  const name = flags.split(' ')[0];
  return new Option(flags, description)
    .argParser((text: string) => {
      const value = /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : NaN;
      if (value >= 0 && value <= 1) return value;
      throw new FaultLabError('BAD_OPTION', `${name} must be from 0 to 1, not '${text}'`);
    })
    .default(initial);
}

/** An option that takes a duration from `leastNs` to `mostNs`. */
function timed(flags: string, description: string, leastNs: number, mostNs: number, initialNs: number): Option {
  const name = flags.split(' ')[0];
  return new Option(flags, description)
    .argParser((text: string) => {
      const ns = parseDuration(text, name);
      if (ns >= leastNs && ns <= mostNs) return ns;
      throw new FaultLabError('BAD_OPTION', `${name} must be from ${formatDuration(leastNs)} to ${formatDuration(mostNs)}, not ${text}`);
    })
    .default(initialNs, formatDuration(initialNs));
}

/** Options of `bench`: what they are called, what they take, and the settings that come of them. */
import type { Command} from 'commander';
import { Option } from 'commander';
import {
  BENCH_DEFAULTS,
  LATENCY_MODEL_FORMS,
  PIN_FORMS,
  SOURCE_FORMS,
  SWEEPABLE,
  WORKLOADS,
  WORKLOAD_NAMES,
  formatDuration,
  parseDuration,
  type BenchOptions,
  type BenchSettings,
  type RepetitionPlan,
  type SweepableName,
  type WorkloadName,
} from '../bench/index.js';
import { FaultLabError } from '../errors/index.js';
import { MAX_TASKS, MAX_VCPUS, MAX_WINDOW_PAGES, TRAP_CHOICES, type TrapChoice } from '../guest/index.js';
import type { CapabilityNumbers } from '../kvm/index.js';
import { MAX_IN_FLIGHT, MAX_LATENCY_NS, MAX_RESOLVERS, MAX_TICK_NS, MIN_TICK_NS, UAPI_MODES, isDeliveryMode, type DeliveryMode } from '../machine/index.js';
import type { UapiName } from '../uapi/proposals/index.js';
import { FileOption } from './files.js';
import { quietOption } from './progress.js';
import { capabilityOption, uapiOption } from './uapi-options.js';

/** What commander makes of the command line. Lists of numbers are swept where they have more than one. */
export interface BenchFlags {
  readonly workload: WorkloadName;
  readonly source: string;
  readonly image?: string;
  readonly trace?: string;
  readonly traceOut?: string;
  readonly prefetch?: true;
  readonly uapi: UapiName;
  readonly modes?: DeliveryMode[];
  readonly rows?: string[];
  readonly policy: string;
  readonly cap?: CapabilityNumbers;
  readonly emulate?: true;
  readonly vcpus?: number[];
  readonly faultTasks?: number[];
  readonly workTasks?: number[];
  readonly latency?: number[];
  readonly latencyModel: string;
  readonly inFlight?: number[];
  readonly quickShare?: number[];
  readonly quickLatency?: number[];
  readonly order: 'seq' | 'random';
  readonly seed?: number[];
  readonly pages?: number[];
  readonly resolvers?: number[];
  readonly pin: string;
  readonly trap: TrapChoice;
  readonly tick?: number[];
  readonly control?: number[];
  readonly repeat: number | 'auto';
  readonly confidence?: number;
  readonly budget?: number;
  readonly account?: true;
  readonly json?: string;
  readonly quiet?: boolean;
  readonly guest?: string;
}

const MOST_REPETITIONS = 1000;
const LONGEST_BUDGET_NS = 86_400e9;
/** Of `--repeat auto`, where nobody says. */
const AUTO = { confidenceShare: 0.05, budgetNs: 120e9 };

/** Adds them to the command. */
export function addBenchOptions(command: Command): Command {
  const { vcpus, faultTasks, workTasks, latencyNs, inFlight, quickShare, quickLatencyNs, seed, resolvers, tickNs, controlNs } = BENCH_DEFAULTS;
  return command
    .addOption(new Option('--workload <name>', 'what the guest does').choices(WORKLOAD_NAMES).default(BENCH_DEFAULTS.workload))
    .addOption(new Option('--source <source>', `where pages come from: ${SOURCE_FORMS}`).default(BENCH_DEFAULTS.source))
    .addOption(new FileOption('--image <file>', 'file to page in (default: an image of 64 MiB made for the run, larger where --pages is)', 'input'))
    .addOption(new FileOption('--trace <file>', 'pages to visit, in this order: one index a line, or 32-bit words, little end first', 'input'))
    .addOption(new FileOption('--trace-out <file>', 'write the order in which the first row asked for pages (.bin, .u32: as words)', 'output'))
    .addOption(quietOption())
    .addOption(new Option('--prefetch', 'workload restore: each mode again with the pages of the trace fetched ahead'))
    .addOption(uapiOption().default(BENCH_DEFAULTS.uapi))
    .addOption(capabilityOption())
    .addOption(new Option('--emulate', "do not use the kernel's own ioctls even where it has the proposal"))
    .addOption(new Option('--modes <list>', 'comma-separated delivery modes (default: all of the profile)').argParser(parseModes))
    .addOption(new Option('--rows <list>', 'comma-separated rows of the workload (default: all)').argParser(parseNames))
    .addOption(new Option('--policy <name>', 'who waits for its page: always-async, always-sync, state, latency or latency:TIME, module:FILE').default(BENCH_DEFAULTS.policy))
    .addOption(counted('--vcpus <n...>', 'vCPUs', 1, MAX_VCPUS, vcpus))
    .addOption(counted('--fault-tasks <n...>', 'tasks on each vCPU that visit pages', 1, MAX_TASKS, faultTasks))
    .addOption(counted('--work-tasks <n...>', 'tasks on each vCPU that count meanwhile', 0, MAX_TASKS - 1, workTasks))
    .addOption(timed('--latency <time...>', 'added to every page request: a network or a disk', 0, MAX_LATENCY_NS, latencyNs))
    .addOption(new Option('--latency-model <model>', `how latencies are spread: ${LATENCY_MODEL_FORMS}`).default(BENCH_DEFAULTS.latencyModel))
    .addOption(counted('--in-flight <n...>', 'most fetches under way at once; 0: no limit', 0, MAX_IN_FLIGHT, inFlight))
    .addOption(shared('--quick-share <share...>', 'share of the pages that have --quick-latency instead, 0 to 1', quickShare))
    .addOption(timed('--quick-latency <time...>', 'latency of quick pages', 0, MAX_LATENCY_NS, quickLatencyNs))
    .addOption(new Option('--order <order>', 'order in which pages are visited').choices(['seq', 'random']).default(BENCH_DEFAULTS.order))
    .addOption(counted('--seed <n...>', 'seed of whatever is random', 0, 2 ** 31 - 1, seed))
    .addOption(counted('--pages <n...>', 'pages to visit (default: all of the image; a tenth of it for restore)', 1, MAX_WINDOW_PAGES))
    .addOption(counted('--resolvers <n...>', 'resolver Workers', 1, MAX_RESOLVERS, resolvers))
    .addOption(new Option('--pin <cpus>', `bind vCPU and resolver threads to CPUs: ${PIN_FORMS}`).default(BENCH_DEFAULTS.pin))
    .addOption(new Option('--trap <instruction>', "how the guest's tasks enter their kernel; auto: the best that works here").choices(TRAP_CHOICES).default(BENCH_DEFAULTS.trap))
    .addOption(timed('--tick <time...>', "tick of the guest's scheduler", MIN_TICK_NS, MAX_TICK_NS, tickNs))
    .addOption(timed('--control <time...>', 'length of the control phases before and after paging', 0, 60e9, controlNs))
    .addOption(new Option('--repeat <n>', 'runs of each row, a run without faults first; auto: until --confidence or --budget').argParser(parseRepeat).default(1))
    .addOption(new Option('--confidence <share>', '--repeat auto ends when every 95 % interval is within this of its median (default: 5%)').argParser(parsePercent))
    .addOption(new Option('--budget <time>', 'what all may take; what there is by then is the report (default: none; with --repeat auto 2min)').argParser(parseBudget))
    .addOption(new Option('--account', 'account for the time of each fault, part by part; time stamps make faults a little slower'))
    .addOption(new FileOption('--json <file>', "write the report as JSON to a file, or to standard output with '-'", 'output'))
    .addOption(new FileOption('--guest <file>', "another guest ELF than the project's own", 'input'));
}

/** Where a list of values ends up: a setting, whose name a sweep goes by. */
const LISTS: Readonly<Record<SweepableName, (flags: BenchFlags) => readonly number[] | undefined>> = {
  vcpus: ({ vcpus }) => vcpus,
  faultTasks: ({ faultTasks }) => faultTasks,
  workTasks: ({ workTasks }) => workTasks,
  pages: ({ pages }) => pages,
  latencyNs: ({ latency }) => latency,
  quickShare: ({ quickShare }) => quickShare,
  quickLatencyNs: ({ quickLatency }) => quickLatency,
  resolvers: ({ resolvers }) => resolvers,
  inFlight: ({ inFlight }) => inFlight,
  tickNs: ({ tick }) => tick,
  controlNs: ({ control }) => control,
  seed: ({ seed }) => seed,
};

/**
 * What a bench takes.
 * @throws FaultLabError `BAD_OPTION` for options that do not go together
 */
export function toBenchOptions(flags: BenchFlags): BenchOptions {
  const { workload, source, uapi, policy, latencyModel, order, pin, trap } = flags;
  if (flags.prefetch === true && workload !== 'restore') throw new FaultLabError('BAD_OPTION', '--prefetch belongs to --workload restore');
  const lists = SWEEPABLE.map((parameter) => ({ parameter, values: LISTS[parameter](flags) ?? [] }));
  const { pages, ...numbers } = Object.fromEntries(lists.filter(({ values }) => values.length > 0).map(({ parameter, values }) => [parameter, values[0]])) as { [name in SweepableName]?: number };
  const defaults: BenchSettings = { ...BENCH_DEFAULTS, ...WORKLOADS[workload].defaults };
  return {
    ...defaults,
    ...numbers,
    workload,
    source,
    uapi,
    policy,
    latencyModel,
    order,
    pin,
    trap,
    trace: flags.trace ?? null,
    prefetch: flags.prefetch === true,
    modes: flags.modes ?? UAPI_MODES[uapi],
    swept: lists.filter(({ values }) => values.length > 1),
    repetition: repetitionOf(flags),
    capabilities: flags.cap ?? {},
    emulate: flags.emulate === true,
    account: flags.account === true,
    recordRequests: flags.traceOut !== undefined,
    ...(flags.rows === undefined ? {} : { rows: flags.rows }),
    ...(flags.image === undefined ? {} : { image: flags.image }),
    ...(pages === undefined ? {} : { pages }),
    ...(flags.guest === undefined ? {} : { guestPath: flags.guest }),
  };
}

function repetitionOf({ repeat, confidence, budget }: BenchFlags): RepetitionPlan {
  if (repeat === 'auto') return { asked: 'auto', confidenceShare: confidence ?? AUTO.confidenceShare, budgetNs: budget ?? AUTO.budgetNs };
  if (confidence !== undefined) throw new FaultLabError('BAD_OPTION', '--confidence belongs to --repeat auto');
  return { asked: repeat, confidenceShare: null, budgetNs: budget ?? null };
}

function parseNames(text: string): string[] {
  return [...new Set(text.split(',').map((name) => name.trim()))];
}

function parseModes(text: string): DeliveryMode[] {
  return parseNames(text).map((name) => {
    if (!isDeliveryMode(name)) throw new FaultLabError('BAD_OPTION', `unknown mode '${name}'`, { hint: `modes are ${[...new Set(Object.values(UAPI_MODES).flat())].join(', ')}` });
    return name;
  });
}

function parseRepeat(text: string): number | 'auto' {
  if (text === 'auto') return text;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= 1 && value <= MOST_REPETITIONS) return value;
  throw new FaultLabError('BAD_OPTION', `--repeat must be auto or a whole number from 1 to ${MOST_REPETITIONS}, not '${text}'`);
}

function parsePercent(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text);
  const share = match === null ? NaN : Number(match[1]) / 100;
  if (share > 0 && share <= 1) return share;
  throw new FaultLabError('BAD_OPTION', `--confidence must be a share such as 5%, not '${text}'`);
}

function parseBudget(text: string): number {
  const minutes = /^(\d+)\s*min$/.exec(text);
  const ns = minutes === null ? parseDuration(text, '--budget') : Number(minutes[1]) * 60e9;
  if (ns > 0 && ns <= LONGEST_BUDGET_NS) return ns;
  throw new FaultLabError('BAD_OPTION', `--budget must be a time up to a day, such as 30s or 2min, not '${text}'`);
}

/** An option that takes numbers, separated by commas. */
function listed(flags: string, description: string, parse: (text: string, name: string) => number, initial: string | undefined): Option {
  const name = flags.split(' ')[0];
  const written = initial === undefined ? description : `${description} (default: ${initial})`;
  // Commander's own lists take arguments apart; these are one argument each.
  return new Option(flags.replace('...', ',...'), written).argParser((text: string) => [...new Set(text.split(',').map((one) => parse(one.trim(), name)))]);
}

/** Whole numbers from `least` to `most`. */
function counted(flags: string, description: string, least: number, most: number, initial?: number): Option {
  const parse = (text: string, name: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new FaultLabError('BAD_OPTION', `${name} must be a whole number from ${least} to ${most}, not '${text}'`);
  };
  return listed(flags, description, parse, initial?.toString());
}

/** Shares. */
function shared(flags: string, description: string, initial: number): Option {
  const parse = (text: string, name: string): number => {
    const value = /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : NaN;
    if (value >= 0 && value <= 1) return value;
    throw new FaultLabError('BAD_OPTION', `${name} must be from 0 to 1, not '${text}'`);
  };
  return listed(flags, description, parse, initial.toString());
}

/** Durations from `leastNs` to `mostNs`. */
function timed(flags: string, description: string, leastNs: number, mostNs: number, initialNs: number): Option {
  const parse = (text: string, name: string): number => {
    const ns = parseDuration(text, name);
    if (ns >= leastNs && ns <= mostNs) return ns;
    throw new FaultLabError('BAD_OPTION', `${name} must be from ${formatDuration(leastNs)} to ${formatDuration(mostNs)}, not ${text}`);
  };
  return listed(flags, description, parse, formatDuration(initialNs));
}

/** `kvm-faultlab trace`: who did what when, as a file that ui.perfetto.dev and chrome://tracing open. */
import { isatty } from 'node:tty';
import Table from 'cli-table3';
import { Command, Option } from 'commander';
import { figureMark, formatDuration, packageVersion, parsePolicy, recordTimelines, timeShares, traceFile, type TimeShares, type Timeline } from '../bench/index.js';
import { FaultLabError } from '../errors/index.js';
import { MAX_TASKS, MAX_VCPUS } from '../guest/index.js';
import { describeHost, readHost, type CapabilityNumbers, type Host } from '../kvm/index.js';
import { MAX_LATENCY_NS, MAX_RESOLVERS, MAX_TICK_NS, MIN_TICK_NS, MODES, UAPI_MODES, isDeliveryMode, type DeliveryMode } from '../machine/index.js';
import type { UapiName } from '../uapi/proposals/index.js';
import { ExitCode } from './exit-codes.js';
import { FileOption, STANDARD_STREAM, requireWritable } from './files.js';
import { Interruption } from './interruption.js';
import { counted, timed } from './number-options.js';
import { ProgressDisplay, progressKind, quietOption } from './progress.js';
import { saveReport } from './save.js';
import { capabilityOption, uapiOption } from './uapi-options.js';

interface Flags {
  readonly output: string;
  readonly uapi: UapiName;
  readonly modes?: DeliveryMode[];
  readonly policy: string;
  readonly cap?: CapabilityNumbers;
  readonly emulate?: true;
  readonly vcpus: number;
  readonly faultTasks: number;
  readonly workTasks: number;
  readonly latency: number;
  readonly pages: number;
  readonly order: 'seq' | 'random';
  readonly seed: number;
  readonly resolvers: number;
  readonly tick: number;
  readonly quiet?: boolean;
}

/** Beyond that a trace is more than a viewer shows well, and records find no room. */
const MOST_PAGES = 20_000;

const EXAMPLES = `
Examples:
  kvm-faultlab trace -o trace.json
      every mode, 300 pages of 1 ms each; open the file with ui.perfetto.dev ("Open trace file") or chrome://tracing
  kvm-faultlab trace --modes sync-exit,apf-user --latency 5ms --fault-tasks 8 -o trace.json
      a vCPU that waits beside one that goes on
  kvm-faultlab report trace.json -o trace.html
      the same as a picture in a page

Each mode is a process of the trace, each vCPU, resolver and task of the guest a thread of it.
Exit codes: 0 recorded, 2 wrong use, 3 the host lacks something, 4 the run broke, 130 interrupted.
`;

/** Builds the command. `setExitCode` receives what the process should end with. */
export function traceCommand(setExitCode: (code: number) => void): Command {
  return new Command('trace')
    .description('record who did what when (vCPU threads, resolvers, tasks of the guest) as a trace for ui.perfetto.dev or chrome://tracing')
    .addOption(new FileOption('-o, --output <file>', "where the trace goes; '-': to standard output", 'output').makeOptionMandatory())
    .addOption(uapiOption().default('stock'))
    .addOption(capabilityOption())
    .addOption(new Option('--emulate', "do not use the kernel's own ioctls even where it has the proposal"))
    .addOption(new Option('--modes <list>', 'comma-separated delivery modes (default: all of the profile)').argParser(parseModes))
    .addOption(new Option('--policy <name>', 'who waits for its page, as for bench').default('always-async'))
    .addOption(counted('--vcpus <n>', 'vCPUs', 1, MAX_VCPUS, 1))
    .addOption(counted('--fault-tasks <n>', 'tasks on each vCPU that visit pages', 1, MAX_TASKS, 4))
    .addOption(counted('--work-tasks <n>', 'tasks on each vCPU that count meanwhile', 0, MAX_TASKS - 1, 2))
    .addOption(timed('--latency <time>', 'added to every page request', 0, MAX_LATENCY_NS, 1e6))
    .addOption(counted('--pages <n>', 'pages to visit', 1, MOST_PAGES, 300))
    .addOption(new Option('--order <order>', 'order in which pages are visited').choices(['seq', 'random']).default('seq'))
    .addOption(counted('--seed <n>', 'seed of the random order', 0, 2 ** 31 - 1, 1))
    .addOption(counted('--resolvers <n>', 'resolver Workers', 1, MAX_RESOLVERS, 1))
    .addOption(timed('--tick <time>', "tick of the guest's scheduler", MIN_TICK_NS, MAX_TICK_NS, 4e6))
    .addOption(quietOption())
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .action(async (flags: Flags) => {
      setExitCode(await run(flags));
    });
}

async function run(flags: Flags): Promise<number> {
  const { output, uapi, pages, order, seed, vcpus, faultTasks, workTasks, resolvers } = flags;
  const policy = parsePolicy(flags.policy);
  const modes = flags.modes ?? UAPI_MODES[uapi];
  const absent = modes.find((mode) => !UAPI_MODES[uapi].includes(mode));
  if (absent !== undefined) throw new FaultLabError('BAD_OPTION', `the uAPI profile ${uapi} has no mode ${absent}`, { hint: `its modes are ${UAPI_MODES[uapi].join(', ')}` });
  if (output !== STANDARD_STREAM) requireWritable(output);
  const host = readHost();
  const startedAt = new Date().toISOString();
  const progress = new ProgressDisplay(progressKind(flags.quiet === true), modes.length);
  const interruption = new Interruption();
  let timelines: Timeline[];
  try {
    timelines = await recordTimelines(
      modes,
      {
        uapi, policy, pages, order, seed, vcpus, faultTasks, workTasks, resolvers,
        implementation: flags.emulate === true ? 'emulated' : 'auto',
        capabilities: flags.cap ?? {},
        latencyNs: flags.latency,
        tickNs: flags.tick,
        emulated: host.emulated,
      },
      {
        started: (mode, machine) => {
          progress.begin(mode, machine);
          interruption.follow(machine);
        },
        ended: () => {
          interruption.follow(null);
          progress.end();
        },
        interrupted: () => interruption.requested,
      },
    );
  } finally {
    interruption.close();
  }
  const load = `${pages} pages, ${formatDuration(flags.latency)} each, ${vcpus} vCPU${vcpus === 1 ? '' : 's'} with ${faultTasks} fault and ${workTasks} work tasks${uapi === 'stock' ? '' : `, ${uapi}`}`;
  const text = `${JSON.stringify(traceFile(timelines, { tool: { name: 'kvm-faultlab', version: packageVersion(), node: process.versions.node }, startedAt, host, load }))}\n`;
  if (output === STANDARD_STREAM) process.stdout.write(text);
  else {
    process.stdout.write(`${summary(timelines, host, load, isatty(process.stdout.fd) && process.env['NO_COLOR'] === undefined)}\n`);
    saveReport(output, text);
  }
  return interruption.requested ? ExitCode.INTERRUPTED : ExitCode.OK;
}

/** How the time was spent while pages were on their way. */
function summary(timelines: readonly Timeline[], host: Host, load: string, color: boolean): string {
  const mark = figureMark(host);
  const shares = timelines.flatMap((timeline) => timeShares(timeline) ?? []);
  const percent = (share: number | null): string => (share === null ? '-' : `${(share * 100).toFixed(1)} %`);
  const rows: readonly (readonly [string, (of: TimeShares) => string])[] = [
    ['paging took', ({ pagingNs }) => formatDuration(pagingNs)],
    ['pages on their way, mean', ({ pagesUnderWay }) => pagesUnderWay.toFixed(2)],
    ['vCPU threads: in KVM_RUN', ({ vcpu }) => percent(vcpu.guest)],
    ['  asleep in it for a page', ({ vcpu }) => percent(vcpu.blocked)],
    ['  waiting for a page outside', ({ vcpu }) => percent(vcpu.wait)],
    ['  handling exits', ({ vcpu }) => percent(vcpu.vmm)],
    ['work tasks ran', ({ workShare }) => percent(workShare)],
  ];
  const table = new Table({ head: ['', ...shares.map(({ mode }) => mode)], style: { head: color ? ['bold'] : [], border: [], compact: true }, colAligns: ['left', ...shares.map(() => 'right' as const)] });
  for (const [label, cell] of rows) table.push([mark.label(label, 'share'), ...shares.map(cell)]);
  const lost = timelines.filter((timeline) => timeline.lost > 0).map(({ name, lost: records }) => `${name}: ${records} records found no room`);
  const unknown = timelines.filter(({ guestClockKnown }) => !guestClockKnown).map(({ name }) => `${name}: no task visited a page, so the guest's clock is not known and its tasks are not shown`);
  return [`host   ${describeHost(host)}`, `load   ${load}`, table.toString(), ...(mark.note === null ? [] : [mark.note]), ...lost, ...unknown].join('\n');
}

function parseModes(text: string): DeliveryMode[] {
  return text.split(',').map((part) => {
    const name = part.trim();
    if (!isDeliveryMode(name)) throw new FaultLabError('BAD_OPTION', `unknown mode '${name}'`, { hint: `modes are ${Object.keys(MODES).join(', ')}` });
    return name;
  });
}

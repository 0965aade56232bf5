/** `kvm-faultlab bench`: the main job. */
import { isatty } from 'node:tty';
import { Command } from 'commander';
import { BenchFailure, WORKLOADS, WORKLOAD_NAMES, parsePolicy, renderReport, runBench, writeTrace, type BenchReport } from '../bench/index.js';
import { describeError } from '../errors/index.js';
import { MODES, UAPI_MODES } from '../machine/index.js';
import { UAPI_NAMES } from '../uapi/proposals/index.js';
import { addBenchOptions, toBenchOptions, type BenchFlags } from './bench-options.js';
import { ExitCode, exitCodeOf } from './exit-codes.js';
import { STANDARD_STREAM, requireWritable, unwritable } from './files.js';
import { Interruption } from './interruption.js';
import { ProgressDisplay, progressKind } from './progress.js';
import { saveReport } from './save.js';

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
  kvm-faultlab bench --latency 0,30us,1ms --vcpus 1,2
      a sweep: every combination, one table of the figure that counts
  kvm-faultlab bench --latency 1ms --repeat auto --confidence 3% --budget 5min
      again and again, until the intervals are narrow enough or the time is up
  kvm-faultlab bench --workload demand-paging --vcpus 1,2,4 --source zero --pages 20000
      how fast vCPUs page in a region, by how faults reach user space
  kvm-faultlab bench --workload restore --image snapshot.mem --trace accesses.txt --prefetch --latency 200us
      a snapshot whose pages come in the order of a recorded trace, on demand and fetched ahead
  kvm-faultlab bench --source nbd://localhost/disk --modes apf-user
      pages from an NBD server

Workloads:
${WORKLOAD_NAMES.map((name) => `  ${name.padEnd(16)}${WORKLOADS[name].summary}\n${' '.repeat(18)}rows: ${WORKLOADS[name].rowsAre}`).join('\n')}

Modes:
${Object.entries(MODES).map(([mode, { summary }]) => `  ${mode.padEnd(13)}${summary}`).join('\n')}

Modes of a profile:
${UAPI_NAMES.map((uapi) => `  ${uapi.padEnd(25)}${UAPI_MODES[uapi].join(', ')}`).join('\n')}

Exit codes: 0 passed, 1 a page or a count is wrong, 2 wrong use, 3 the host lacks something, 4 the run broke, 130 interrupted.
`;

/** Builds the command. `setExitCode` receives what the process should end with. */
export function benchCommand(setExitCode: (code: number) => void): Command {
  return addBenchOptions(new Command('bench').description('page a real file into the tiny guest in every delivery mode, prove each byte, and print what each mode cost'))
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .action(async (flags: BenchFlags) => {
      setExitCode(await run(flags));
    });
}

async function run(flags: BenchFlags): Promise<number> {
  parsePolicy(flags.policy);
  const options = toBenchOptions(flags);
  for (const path of [flags.json, flags.traceOut]) {
    if (path !== undefined && path !== STANDARD_STREAM) requireWritable(path);
  }
  const progress = new ProgressDisplay(progressKind(flags.quiet === true), null);
  const interruption = new Interruption();
  let trace: Uint32Array | null = null;
  try {
    const report = await runBench(options, {
      planned: (runs) => {
        progress.expect(runs);
      },
      started: (mode, machine) => {
        progress.begin(mode, machine);
        interruption.follow(machine);
      },
      ended: () => {
        interruption.follow(null);
        progress.end();
      },
      interrupted: () => interruption.requested,
      requested: ({ populate }, pages) => {
        if (populate !== true) trace ??= pages;
      },
    });
    emit(report, flags.json);
    emitTrace(trace, flags.traceOut);
    if (interruption.requested) return ExitCode.INTERRUPTED;
    return report.passed ? ExitCode.OK : ExitCode.VERDICT;
  } catch (error) {
    if (!(error instanceof BenchFailure)) throw error;
    if (error.report.modes.length > 0) emit(error.report, flags.json);
    emitTrace(trace, flags.traceOut);
    process.stderr.write(`${error.row}: ${describeError(error.cause)}\n`);
    return interruption.requested ? ExitCode.INTERRUPTED : exitCodeOf(error.cause);
  } finally {
    interruption.close();
  }
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

function emitTrace(trace: Uint32Array | null, path: string | undefined): void {
  if (trace === null || path === undefined) return;
  try {
    writeTrace(path, trace);
  } catch (error) {
    throw unwritable(path, error);
  }
}

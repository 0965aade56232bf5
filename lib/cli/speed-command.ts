/** `kvm-faultlab speed`: what this implementation costs, against the same loops in C and against its goals. */
import { isatty } from 'node:tty';
import { Argument, Command } from 'commander';
import { GREATEST_MOST_PAGES, LEAST_MOST_PAGES, SPEED_FIGURES, SPEED_FIGURE_NAMES, measureSpeed, renderSpeed, type SpeedFigureName, type SpeedReport } from '../bench/index.js';
import { FaultLabError } from '../errors/index.js';
import { ExitCode } from './exit-codes.js';
import { FileOption, STANDARD_STREAM, requireWritable } from './files.js';
import { Interruption } from './interruption.js';
import { Progress, progressKind, quietOption } from './progress.js';
import { saveReport } from './save.js';

interface Flags {
  readonly list?: boolean;
  readonly rounds: number;
  readonly faults: number;
  readonly mostPages: number;
  readonly json?: string;
  readonly quiet?: boolean;
}

const MOST_ROUNDS = 1000;
/** As many as the image that is made for a run has pages. */
const MOST_FAULTS = 16384;

const EXAMPLES = `
Examples:
  kvm-faultlab speed
      every figure with its goal, and whether it is met
  kvm-faultlab speed port-out sync-exit --rounds 30
      two of them, with more pairs of runs: the interval gets narrower
  kvm-faultlab speed --json speed.json
      the same data for a program as well
  kvm-faultlab speed --list
      the figures and their goals

Exit codes: 0 measured (missed goals too: a time is no verdict), 2 wrong use, 3 this host lacks something, 4 a run broke, 130 interrupted.
`;

/** Builds the command. `setExitCode` receives what the process should end with. */
export function speedCommand(setExitCode: (code: number) => void): Command {
  return new Command('speed')
    .description('measure what this implementation costs: against the same loops in C, interleaved, and against its goals')
    .addArgument(new Argument('[figures...]', 'names of figures; all where left out').argParser(parseFigure))
    .option('--list', 'list the figures and their goals')
    .option('--rounds <n>', 'runs of each loop by each side', counted('--rounds', MOST_ROUNDS), 8)
    .option('--faults <n>', 'faults of each run', counted('--faults', MOST_FAULTS), 6000)
    .option('--most-pages <n>', 'pages of the largest run of flat', counted('--most-pages', GREATEST_MOST_PAGES, LEAST_MOST_PAGES), LEAST_MOST_PAGES)
    .addOption(new FileOption('--json <file>', "write the report as JSON to a file, or to standard output with '-'", 'output'))
    .addOption(quietOption())
    .addHelpText('after', EXAMPLES)
    .action(async (figures: readonly SpeedFigureName[], flags: Flags) => {
      setExitCode(await run(figures, flags));
    });
}

async function run(figures: readonly SpeedFigureName[], { list = false, rounds, faults, mostPages, json, quiet = false }: Flags): Promise<number> {
  if (list) {
    for (const name of SPEED_FIGURE_NAMES) process.stdout.write(`${name.padEnd(16)} ${SPEED_FIGURES[name].title}\n`);
    return ExitCode.OK;
  }
  if (json !== undefined && json !== STANDARD_STREAM) requireWritable(json);
  const interruption = new Interruption();
  const progress = new Progress(progressKind(quiet));
  try {
    const report = await measureSpeed(
      { ...(figures.length === 0 ? {} : { figures }), rounds, faults, mostPages },
      {
        progress: (what, done, total) => {
          progress.show(`run ${done + 1} of ${total}: ${what}`, done / Math.max(1, total));
        },
        interrupted: () => interruption.requested,
      },
    );
    progress.clear();
    emit(report, json);
    return interruption.requested ? ExitCode.INTERRUPTED : ExitCode.OK;
  } finally {
    progress.clear();
    interruption.close();
  }
}

function emit(report: SpeedReport, json: string | undefined): void {
  const text = `${JSON.stringify(report, null, 2)}\n`;
  if (json === STANDARD_STREAM) {
    process.stdout.write(text);
    return;
  }
  process.stdout.write(`${renderSpeed(report, { color: isatty(process.stdout.fd) && process.env['NO_COLOR'] === undefined })}\n`);
  if (json !== undefined) saveReport(json, text);
}

function parseFigure(text: string, earlier: readonly SpeedFigureName[] | undefined): SpeedFigureName[] {
  const name = SPEED_FIGURE_NAMES.find((candidate) => candidate === text);
  if (name === undefined) throw new FaultLabError('BAD_OPTION', `unknown figure '${text}'`, { hint: `figures are ${SPEED_FIGURE_NAMES.join(', ')}` });
  return [...(earlier ?? []), name];
}

function counted(name: string, most: number, least = 1): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new FaultLabError('BAD_OPTION', `${name} must be a whole number from ${least} to ${most}, not '${text}'`);
  };
}

/** `kvm-faultlab experiment`: questions that reviewers of the proposals left open, answered with data of this host. */
import { isatty } from 'node:tty';
import Table from 'cli-table3';
import { Argument, Command, Option } from 'commander';
import { formatDuration } from '../bench/index.js';
import { FaultLabError } from '../errors/index.js';
import {
  DEFAULT_BUDGET_MS,
  EXPERIMENTS,
  listQuestions,
  renderExperiment,
  runExperiment,
  type Experiment,
  type ExperimentReport,
} from '../experiments/index.js';
import { ExitCode } from './exit-codes.js';
import { parseBudget } from './experiment-budget.js';
import { FileOption, STANDARD_STREAM, requireWritable } from './files.js';
import { Interruption } from './interruption.js';
import { Progress, progressKind, quietOption } from './progress.js';
import { saveReport } from './save.js';

interface Flags {
  readonly list?: boolean;
  readonly budget?: number;
  readonly json?: string;
  readonly quiet?: boolean;
  readonly report?: readonly string[];
}

/** Of --report. */
const ALL = 'all';

const EXAMPLES = `
Examples:
  kvm-faultlab experiment --list
      the sixteen questions and the scenarios, and which of them this host can answer
  kvm-faultlab experiment q1
      what a spurious pair of async page fault events costs, as a table, a plot and one sentence
  kvm-faultlab experiment q1 q2 --budget 2min --json answers.json
      two of them, each with more samples; the data go to a file as well
  kvm-faultlab experiment truncate --report all
      every way to tell a guest that a page is lost for good, on one truncated file, compared
  kvm-faultlab experiment q12 --json -
      the report for a program

Exit codes: 0 answered, 2 wrong use, 3 no verdict: the host cannot answer, or noise hides it, 4 the run broke, 130 interrupted.
`;

/** Builds the command. `setExitCode` receives what the process should end with. */
export function experimentCommand(setExitCode: (code: number) => void): Command {
  return new Command('experiment')
    .description('answer a question that reviewers of the proposals left open, with data of this host')
    .addArgument(new Argument('[questions...]', 'q1 to q16, or the name of a scenario').argParser(parseQuestion))
    .option('--list', 'list all questions and scenarios, and which of them this host can answer')
    .addOption(
      new Option('--budget <time>', 'what one experiment may take: it takes fewer samples rather than more time')
        .argParser(parseBudget)
        .default(undefined, `${formatDuration(DEFAULT_BUDGET_MS * 1e6)}, more for some`),
    )
    .addOption(new Option('--report <names>', "truncate: reports of lost memory to compare, comma-separated, or 'all'").argParser(parseNames))
    .addOption(new FileOption('--json <file>', "write the reports as JSON to a file, or to standard output with '-'", 'output'))
    .addOption(quietOption())
    .addHelpText('after', EXAMPLES)
    .action(async (questions: readonly Experiment[], flags: Flags) => {
      setExitCode(await run(questions, flags));
    });
}

async function run(experiments: readonly Experiment[], { list = false, budget, json, report, quiet = false }: Flags): Promise<number> {
  if (json !== undefined && json !== STANDARD_STREAM) requireWritable(json);
  if (list) {
    if (experiments.length > 0) throw new FaultLabError('BAD_OPTION', '--list takes no questions');
    showList(json);
    return ExitCode.OK;
  }
  const choosing = experiments.filter(({ choice }) => choice?.option === 'report');
  if (report !== undefined && choosing.length === 0) throw new FaultLabError('BAD_OPTION', '--report is for experiment truncate');
  if (experiments.length === 0) throw new FaultLabError('BAD_OPTION', 'which question?', { hint: '`experiment --list` shows them' });
  const reports: ExperimentReport[] = [];
  const interruption = new Interruption();
  const progress = new Progress(progressKind(quiet));
  let finished = 0;
  try {
    for (const experiment of experiments) {
      if (interruption.requested) break;
      try {
        reports.push(
          await runExperiment(experiment, { ...(budget === undefined ? {} : { budgetMs: budget }), ...(report !== undefined && choosing.includes(experiment) && !report.includes(ALL) ? { chosen: report } : {}) }, {
            progress: (what, done, total) => {
              progress.show(`${experiment.id}: ${what}, ${done + 1} of ${total}`, (finished + done / Math.max(1, total)) / experiments.length);
            },
            interrupted: () => interruption.requested,
            follow: (running) => {
              interruption.follow(running);
            },
          }),
        );
        finished++;
      } finally {
        progress.clear();
      }
      if (json !== STANDARD_STREAM) print(reports[reports.length - 1], reports.length > 1);
    }
  } finally {
    interruption.close();
    if (json !== undefined && reports.length > 0) write(reports, json);
  }
  if (interruption.requested) return ExitCode.INTERRUPTED;
  return reports.every(({ finding }) => finding.answered) ? ExitCode.OK : ExitCode.HOST;
}

function print(report: ExperimentReport, isLater: boolean): void {
  const color = isatty(process.stdout.fd) && process.env['NO_COLOR'] === undefined;
  process.stdout.write(`${isLater ? '\n' : ''}${renderExperiment(report, { color })}\n`);
}

function showList(json: string | undefined): void {
  const states = listQuestions(EXPERIMENTS);
  if (json !== undefined) write(states, json);
  if (json === STANDARD_STREAM) return;
  const width = Math.max(60, Math.min(140, process.stdout.columns || 120));
  const table = new Table({ head: ['', 'state', 'question'], style: { head: [], border: [], compact: true }, wordWrap: true, colWidths: [10, 26, width - 40] });
  for (const { id, state, needs, question } of states) table.push([id, state === 'needs' ? `needs: ${needs ?? ''}` : state, question]);
  process.stdout.write(`${table.toString()}\n`);
}

function write(data: unknown, json: string): void {
  const text = `${JSON.stringify(data, null, 2)}\n`;
  if (json === STANDARD_STREAM) {
    process.stdout.write(text);
    return;
  }
  saveReport(json, text);
}

function parseQuestion(text: string, earlier: readonly Experiment[] | undefined): Experiment[] {
  const id = text.toLowerCase();
  const experiment = EXPERIMENTS.find((candidate) => candidate.id === id);
  if (experiment !== undefined) return [...(earlier ?? []), experiment];
  throw new FaultLabError('BAD_OPTION', `unknown question '${text}'`, { hint: `questions are ${EXPERIMENTS.map((known) => known.id).join(', ')}` });
}

function parseNames(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}

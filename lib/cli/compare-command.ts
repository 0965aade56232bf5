/** `kvm-faultlab compare`: reports of several runs side by side. */
import { isatty } from 'node:tty';
import { Command, Option } from 'commander';
import { DEFAULT_THRESHOLD_SHARE, compareReports, parseReport, renderComparison, type NamedReport } from '../bench/index.js';
import { compareRepeats, parseRun, renderRepeats } from '../experiments/index.js';
import { FaultLabError } from '../errors/index.js';
import { ExitCode } from './exit-codes.js';
import { FileArgument, readReportText } from './files.js';

interface Flags {
  readonly verdicts?: boolean;
  readonly force?: boolean;
  readonly repeats?: boolean;
  readonly threshold: number;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  kvm-faultlab compare before.json after.json
      two runs on hosts of one kind: every verdict side by side, then every figure with its ratio to the first
  kvm-faultlab compare --verdicts here.json lab.json
      a run on this host and one in the lab (--lab): verdicts alone, which hold on every host
  kvm-faultlab compare --json a.json b.json c.json
      three runs, for a program
  kvm-faultlab bench --repeat 8 --json before.json; ...; kvm-faultlab compare before.json after.json || echo changed
      whether a change of kernel or host changed a figure, for a script

  kvm-faultlab paper --json a.json; kvm-faultlab paper --json b.json; kvm-faultlab compare --repeats a.json b.json
      whether a second run repeats the first within the intervals that it stated

A figure changed when three things come together: a permutation test over the runs (5 % for all figures together), a large effect, and a difference beyond --threshold and
beyond the noise of either report. Figures of different hosts are refused without --force, those of emulated hosts beside others always, unless --verdicts.

With --repeats the files are of \`paper --json\` or \`experiment --json\`: every figure that a verdict quotes with both its intervals. Two runs agree in a figure where the interval of
their difference holds nothing; of many figures one in twenty may differ by chance, and more than that is said to be no repetition.

Exit codes: 0 nothing differs (same verdicts and no figure changed; with --repeats the second run repeats the first), 1 something does, 2 wrong use (no report, another format, other hosts).
`;

/** Builds the command. `setExitCode` receives what the process should end with. */
export function compareCommand(setExitCode: (code: number) => void): Command {
  return new Command('compare')
    .description('set reports of bench side by side: verdicts, and on hosts of one kind figures; or two runs of paper (--repeats)')
    .addArgument(new FileArgument('<reports...>', 'two or more files that bench --json wrote; with --repeats two that paper --json wrote', 'input'))
    .option('--verdicts', 'compare verdicts alone: the only way to compare emulated hosts with others')
    .option('--force', 'compare figures of different hosts all the same')
    .addOption(new Option('--threshold <percent>', 'smallest difference of a figure that counts as a change').argParser(parseThreshold).default(DEFAULT_THRESHOLD_SHARE, '3%'))
    .option('--repeats', 'two files of paper --json: whether the second run repeats the first')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((paths: readonly string[], flags: Flags) => {
      setExitCode(compare(paths, flags));
    });
}

function compare(paths: readonly string[], flags: Flags): number {
  const color = isatty(process.stdout.fd) && process.env['NO_COLOR'] === undefined;
  if (flags.repeats === true) return repeat(paths, flags, color);
  const reports = paths.map(readReport);
  const comparison = compareReports(reports, { verdictsOnly: flags.verdicts === true, force: flags.force === true, thresholdShare: flags.threshold });
  process.stdout.write(`${flags.json === true ? JSON.stringify(comparison, null, 2) : renderComparison(comparison, { color })}\n`);
  return comparison.sameVerdicts && !comparison.changed ? ExitCode.OK : ExitCode.VERDICT;
}

function repeat(paths: readonly string[], flags: Flags, color: boolean): number {
  const repeats = compareRepeats(paths.map((path) => ({ name: path, report: parseRun(readReportText(path), path) })), { verdictsOnly: flags.verdicts === true, force: flags.force === true });
  process.stdout.write(`${flags.json === true ? JSON.stringify(repeats, null, 2) : renderRepeats(repeats, { color })}\n`);
  return repeats.repeats ? ExitCode.OK : ExitCode.VERDICT;
}

function parseThreshold(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?%?$/.exec(text);
  const percent = match === null ? NaN : Number(match[1]);
  if (percent >= 0 && percent <= 1000) return percent / 100;
  throw new FaultLabError('BAD_OPTION', `--threshold must be a percentage from 0 to 1000, not '${text}'`);
}

function readReport(path: string): NamedReport {
  return { name: path, report: parseReport(readReportText(path), path) };
}

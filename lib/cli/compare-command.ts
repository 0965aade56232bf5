/** `kvm-faultlab compare`: reports of several runs side by side. */
import { isatty } from 'node:tty';
import { Command } from 'commander';
import { compareReports, parseReport, renderComparison, type NamedReport } from '../bench/index.js';
import { ExitCode } from './exit-codes.js';
import { FileArgument, readReportText } from './files.js';

interface Flags {
  readonly verdicts?: boolean;
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

Figures are compared only on hosts of one kind. Those of emulated hosts never meet others: without --verdicts that is refused.

Exit codes: 0 the verdicts are the same, 1 they differ, 2 wrong use: no report, another format, emulated and other hosts without --verdicts.
`;

/** Builds the command. `setExitCode` receives what the process should end with. */
export function compareCommand(setExitCode: (code: number) => void): Command {
  return new Command('compare')
    .description('set reports of bench side by side: verdicts, and on hosts of one kind figures')
    .addArgument(new FileArgument('<reports...>', 'two or more files that bench --json wrote', 'input'))
    .option('--verdicts', 'compare verdicts alone: the only way to compare emulated hosts with others')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((paths: readonly string[], flags: Flags) => {
      setExitCode(compare(paths, flags));
    });
}

function compare(paths: readonly string[], flags: Flags): number {
  const reports = paths.map(readReport);
  const comparison = compareReports(reports, { verdictsOnly: flags.verdicts === true });
  const color = isatty(process.stdout.fd) && process.env['NO_COLOR'] === undefined;
  process.stdout.write(`${flags.json === true ? JSON.stringify(comparison, null, 2) : renderComparison(comparison, { color })}\n`);
  return comparison.sameVerdicts ? ExitCode.OK : ExitCode.VERDICT;
}

function readReport(path: string): NamedReport {
  return { name: path, report: parseReport(readReportText(path), path) };
}

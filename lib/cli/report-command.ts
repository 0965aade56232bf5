/** `kvm-faultlab report`: reports of benches, experiments and `speed`, and traces, as one page. */
import { Command } from 'commander';
import { readItems, renderPage } from '../report/index.js';
import { ExitCode } from './exit-codes.js';
import { FileArgument, FileOption, STANDARD_STREAM, readReportText, requireWritable } from './files.js';
import { saveReport } from './save.js';

interface Flags {
  readonly output: string;
  readonly title?: string;
  readonly force?: boolean;
}

const EXAMPLES = `
Examples:
  kvm-faultlab report bench.json -o bench.html
      a bench as a page: plots, figures, checks, host and method
  kvm-faultlab report bench.json answers.json -o all.html --title "Async page faults on this host"
      a bench and experiments on one page
  kvm-faultlab trace -o trace.json; kvm-faultlab report bench.json trace.json -o all.html
      with a picture of who did what when
  kvm-faultlab speed --json speed.json; kvm-faultlab report speed.json -o speed.html
      what this implementation costs against C, with goals
  kvm-faultlab report here.json lab.json --force -o both.html
      runs of different hosts, which is said in every plot

The page is one file: it needs no network and has no script.

Exit codes: 0 written, 2 wrong use: no report, another format, different hosts without --force, a file that cannot be written.
`;

/** Builds the command. `setExitCode` receives what the process should end with. */
export function reportCommand(setExitCode: (code: number) => void): Command {
  return new Command('report')
    .description('make one self-contained HTML page of what bench --json, experiment --json, speed --json and trace wrote')
    .addArgument(new FileArgument('<reports...>', 'files that bench --json, experiment --json, speed --json or trace wrote', 'input'))
    .addOption(new FileOption('-o, --output <file>', "where the page goes; '-': to standard output", 'output').makeOptionMandatory())
    .option('--title <text>', 'title of the page')
    .option('--force', 'runs of different hosts on one page')
    .addHelpText('after', EXAMPLES)
    .action((paths: readonly string[], flags: Flags) => {
      setExitCode(report(paths, flags));
    });
}

function report(paths: readonly string[], { output, title, force }: Flags): number {
  if (output !== STANDARD_STREAM) requireWritable(output);
  const items = paths.flatMap((path) => readItems(readReportText(path), path));
  const page = renderPage(items, { ...(title === undefined ? {} : { title }), force: force === true });
  if (output === STANDARD_STREAM) process.stdout.write(page);
  else saveReport(output, page);
  return ExitCode.OK;
}

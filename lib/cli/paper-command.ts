/** `kvm-faultlab paper`: every mode and every open question on this host, as one page with a verdict each. */
import { isatty } from 'node:tty';
import { Command, Option } from 'commander';
import pc from 'picocolors';
import { formatDuration } from '../bench/index.js';
import { renderPage } from '../report/index.js';
import { ExitCode } from './exit-codes.js';
import { parseBudget } from './experiment-budget.js';
import { FileOption, requireWritable } from './files.js';
import { Interruption } from './interruption.js';
import { PARTS } from './paper/plan.js';
import { writePaper, type PaperItem } from './paper/write-paper.js';
import { Progress, progressKind } from './progress.js';
import { saveReport } from './save.js';
import { Kvm } from '../kvm/index.js';

interface Flags {
  readonly output: string;
  readonly json?: string;
  readonly budget: number;
  readonly quiet?: boolean;
}

const DEFAULT_OUTPUT = 'kvm-faultlab-paper.html';
/** Some parts take longer than their share on a busy host: in all under five minutes. */
const DEFAULT_BUDGET_MS = 250_000;
/** Of the budget, as far as progress says that it is spent: a part may take longer than its share. */
const MOST_SHOWN = 0.99;
const TITLE = 'What a missing page costs a guest, on this host';
const INTRODUCTION = [
  'A guest touches memory that is not there yet: it waits on another machine, on a disk, in a snapshot. Linux KVM has several ways to deal with that, and more have been proposed. This page is one run of all of them: a bench of every delivery mode, then the questions that reviewers of the proposals left open, each with an answer that was computed from the figures below it.',
  'A question that this run could not answer is "open", and says what was missing. What an emulation does not show, and what would change a verdict, stands with each.',
];

const EXAMPLES = `
Examples:
  kvm-faultlab paper
      every mode and all questions into ${DEFAULT_OUTPUT}, within five minutes
  kvm-faultlab paper -o paper.html --budget 20min --json paper.json
      narrower intervals, and the data beside the page
  kvm-faultlab --lab-kernel own paper -o svm.html
      the same on an emulated SVM host whose kernel has KVM_MEM_USERFAULT

The page is written anew after each part; those that measure in rounds end together, late.

Exit codes: 0 a verdict for everything, 1 a check of a bench is wrong, 2 wrong use, 3 no verdict for some question, 4 a part broke (the others are on the page), 130 interrupted.
`;

/** Builds the command. `setExitCode` receives what the process should end with. */
export function paperCommand(setExitCode: (code: number) => void): Command {
  return new Command('paper')
    .description('run every mode and every experiment, and write one self-contained HTML page with a verdict for each question')
    .addOption(new FileOption('-o, --output <file>', 'where the page goes', 'output').default(DEFAULT_OUTPUT))
    .addOption(new Option('--budget <time>', 'what all of it may take, shared out among the parts: they take fewer samples rather than more time').argParser(parseBudget).default(DEFAULT_BUDGET_MS, formatDuration(DEFAULT_BUDGET_MS * 1e6)))
    .addOption(new FileOption('--json <file>', 'the reports of the experiments as JSON as well', 'output'))
    .option('--quiet', 'print nothing but the last line')
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .action(async (flags: Flags) => {
      setExitCode(await run(flags));
    });
}

async function run({ output, json, budget, quiet = false }: Flags): Promise<number> {
  for (const path of [output, json]) if (path !== undefined) requireWritable(path);
  // Twenty parts that break for the same reason say less than the reason.
  Kvm.open().close();
  const colors = pc.createColors(isatty(process.stdout.fd) && process.env['NO_COLOR'] === undefined);
  const interruption = new Interruption();
  const progress = new Progress(progressKind(quiet));
  const startMs = performance.now();
  let head = '';
  const show = (what: string): void => {
    progress.show(what === '' ? head : `${head}: ${what}`, Math.min(MOST_SHOWN, (performance.now() - startMs) / budget));
  };
  let items: PaperItem[] = [];
  try {
    items = await writePaper(PARTS, budget, {
      begin: (part, number, count) => {
        head = `part ${number} of ${count}, ${part.id}`;
        show('');
      },
      progress: (what) => {
        show(what);
      },
      ended: (part, item, all) => {
        progress.clear();
        if (!quiet) process.stdout.write(`${stateText(item.state, colors)} ${part.id.padEnd(9)} ${item.sentence}\n`);
        save(output, json, all);
      },
      interrupted: () => interruption.requested,
      follow: (running) => {
        interruption.follow(running);
      },
    });
  } finally {
    progress.clear();
    interruption.close();
  }
  const count = (state: PaperItem['state']): number => items.filter((item) => item.state === state).length;
  const others = [[count('none'), 'without a verdict'], [count('bad'), 'with a wrong check'], [count('broken'), 'broken']].filter(([number]) => number !== 0).map(([number, what]) => `, ${number} ${what}`);
  process.stdout.write(`${output}: ${count('verdict')} of ${PARTS.length} parts with a verdict${others.join('')}; ${formatDuration((performance.now() - startMs) * 1e6)}${interruption.requested ? ', interrupted' : ''}\n`);
  if (interruption.requested) return ExitCode.INTERRUPTED;
  if (count('broken') > 0) return ExitCode.RUN;
  if (count('bad') > 0) return ExitCode.VERDICT;
  return count('none') > 0 ? ExitCode.HOST : ExitCode.OK;
}

/** Both files as of now. */
function save(output: string, json: string | undefined, all: readonly PaperItem[]): void {
  const items = all.flatMap(({ item }) => item ?? []);
  if (items.length === 0) return;
  saveReport(output, renderPage(items, { title: TITLE, introduction: INTRODUCTION }));
  if (json !== undefined) saveReport(json, `${JSON.stringify(items.filter(({ kind }) => kind === 'experiment').map(({ report }) => report), null, 2)}\n`);
}

function stateText(state: PaperItem['state'], colors: ReturnType<typeof pc.createColors>): string {
  switch (state) {
    case 'verdict':
      return colors.green('verdict   ');
    case 'none':
      return colors.yellow('no verdict');
    case 'bad':
      return colors.red('WRONG     ');
    case 'broken':
      return colors.red('BROKEN    ');
  }
}

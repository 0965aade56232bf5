/** `kvm-faultlab doctor --compare`: what experiments found on several hosts, side by side. */
import { FaultLabError } from '../../../errors/index.js';
import { readHost } from '../../../kvm/index.js';
import { collectFacts } from '../../../probes/index.js';
import { readReportText } from '../../files.js';
import { layoutFor, type DoctorOutput } from '../output.js';
import { compareFacts, type NamedReport } from './comparison.js';
import { parseDoctorReport } from './parse-report.js';
import { renderComparisonMarkdown } from './render-markdown.js';
import { renderComparisonText } from './render-text.js';

export { tableShape } from './shape.js';

/** Options of {@link runComparison}. */
export interface ComparisonOptions {
  /** Reports of other hosts. */
  readonly files: readonly string[];
  /** This host is the first column. */
  readonly here: boolean;
  /** Facts in which the hosts agree are shown as well. */
  readonly all: boolean;
  readonly format: 'text' | 'json' | 'markdown';
  readonly output?: DoctorOutput;
}

/**
 * Compares and prints.
 * @throws FaultLabError `BAD_OPTION` where there is nothing to compare; what `readReportText` and `parseDoctorReport` throw
 */
export async function runComparison({ files, here, all, format, output = process.stdout }: ComparisonOptions): Promise<void> {
  if (files.length + (here ? 1 : 0) < (all ? 1 : 2)) {
    throw new FaultLabError('BAD_OPTION', '--compare needs reports to compare with', {
      hint: 'name files that `kvm-faultlab doctor --json` wrote on other hosts; --all shows a single host',
    });
  }
  // Files first: a name that is wrong is told before anything runs.
  const reports: NamedReport[] = files.map((name) => ({ name, ...parseDoctorReport(readReportText(name), name) }));
  if (here) reports.unshift({ name: 'this host', host: readHost(), facts: await collectFacts() });
  const comparison = compareFacts(reports);
  switch (format) {
    case 'json':
      output.write(`${JSON.stringify({ ...comparison, rows: comparison.rows.filter(({ same }) => all || !same) }, null, 2)}\n`);
      break;
    case 'markdown':
      output.write(`${renderComparisonMarkdown(comparison, { all })}\n`);
      break;
    case 'text':
      output.write(renderComparisonText(comparison, { ...layoutFor(output), all }));
      break;
  }
}

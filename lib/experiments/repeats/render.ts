/** Two runs side by side, for people. */
import Table from 'cli-table3';
import pc from 'picocolors';
import { figureMark, printable } from '../../bench/index.js';
import { describeHost } from '../../kvm/index.js';
import { figureText } from '../frame/figure.js';
import type { RepeatedFigure, RepeatedValue, Repeats } from './compare.js';

/** Renders a comparison as text, several lines, without a final newline. */
export function renderRepeats(repeats: Repeats, { color }: { readonly color: boolean }): string {
  const colors = pc.createColors(color);
  const { reports, answers, figures, unmatched } = repeats;
  const lines = reports.map(({ name, startedAt, host }, at) => `${at + 1}  ${printable(name)}: ${printable(`${describeHost(host)}, run of ${startedAt}`)}`);
  if (repeats.forced) lines.push('', colors.yellow('DIFFERENT HOSTS: compared because it was forced; what differs may be the hosts'));
  for (const { experiment, first, second } of answers.filter(({ same }) => !same)) {
    lines.push('', colors.red(`ANOTHER ANSWER: ${printable(experiment)}`), `  1  ${printable(first ?? 'none')}`, `  2  ${printable(second ?? 'none')}`);
  }
  if (figures !== null && figures.length > 0) {
    lines.push('', colors.bold('Figures with their 95 % intervals'), table(figures, color, colors.red('DIFFERS')));
    const { note } = figureMark({ emulated: reports.some(({ host }) => host.emulated) });
    if (note !== null) lines.push(colors.yellow(note));
  }
  if (unmatched.length > 0) lines.push('', `in one run only, not compared: ${unmatched.map(printable).join(', ')}`);
  lines.push('', repeats.repeats ? colors.green(closing(repeats)) : colors.red(closing(repeats)));
  return lines.join('\n');
}

function table(figures: readonly RepeatedFigure[], color: boolean, differs: string): string {
  const result = new Table({
    head: ['', 'figure', '1', '2', '2 against 1', ''],
    style: { head: color ? ['bold'] : [], border: [], compact: true },
    colAligns: ['left', 'left', 'right', 'right', 'right', 'left'],
  });
  for (const { experiment, title, unit, first, second, difference, agrees } of figures) {
    const text = ({ value, low, high, units, unitsAre }: RepeatedValue): string =>
      `${figureText(unit, value)} (${low === null || high === null ? `no interval: ${units} ${printable(unitsAre)}` : `${figureText(unit, low)} to ${figureText(unit, high)}`})`;
    const format = (value: number): string => (difference?.kind === 'ratio' ? value.toFixed(3) : figureText(unit, value));
    result.push([
      printable(experiment), printable(title), text(first), text(second),
      difference === null ? '-' : `${format(difference.value)} (${format(difference.low)} to ${format(difference.high)})`,
      agrees === null ? '-' : agrees ? 'agrees' : differs,
    ]);
  }
  return result.toString();
}

/** What it came to, one line. */
function closing({ answers, sameAnswers, figuresWithheld, compared, disagreements, allowed, repeats }: Repeats): string {
  const said = sameAnswers ? `all ${answers.length} answers are the same` : `${answers.filter(({ same }) => !same).length} of ${answers.length} answers differ`;
  if (figuresWithheld !== null) return `${repeats ? 'repeats' : 'DOES NOT REPEAT'}: ${said}; no figures: ${figuresWithheld}`;
  return `${repeats ? 'repeats' : 'DOES NOT REPEAT'}: ${said}; ${disagreements} of ${compared} figures differ beyond their intervals, where chance allows ${allowed}`;
}

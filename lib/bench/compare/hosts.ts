/** Whether figures of several hosts may stand side by side. */
import { FaultLabError } from '../../errors/index.js';
import { describeHost } from '../../kvm/index.js';
import type { NamedReport } from './comparable.js';
import { printable } from './printable.js';

/**
 * Why figures are not compared; null where they are.
 * @param reports - two or more
 * @param verdictsOnly - figures were not asked for
 * @throws FaultLabError `COMPARE_EMULATED`: figures were asked for, and some hosts are emulated and others are not
 */
export function figuresWithheld(reports: readonly NamedReport[], verdictsOnly: boolean): string | null {
  if (verdictsOnly) return 'verdicts alone were asked for';
  const emulated = reports.filter(({ report }) => report.host.emulated);
  if (emulated.length !== 0 && emulated.length !== reports.length) {
    const names = emulated.map(({ name, report }) => `${name} (${printable(describeHost(report.host))})`).join(', ');
    throw new FaultLabError('COMPARE_EMULATED', `figures of emulated hosts are not compared with those of others: ${names}`, {
      hint: 'compare verdicts alone (--verdicts): they hold on every host',
    });
  }
  const kinds = [...new Set(reports.map(({ report }) => report.host.kind))];
  if (kinds.length > 1) return `the hosts are of different kinds (${kinds.join(', ')})`;
  return kinds[0] === 'unknown' ? 'the kind of the hosts is not known' : null;
}

/** Whether figures of several hosts may stand side by side. */
import { FaultLabError } from '../../errors/index.js';
import { describeHost } from '../../kvm/index.js';
import type { ComparableHost } from './comparable.js';
import { printable } from './printable.js';

/** A report and what to call it, as far as its host goes. */
export interface HostedReport {
  readonly name: string;
  readonly report: { readonly host: ComparableHost };
}

/**
 * Why figures are not compared; null where they are.
 * @param reports - two or more
 * @param verdictsOnly - figures were not asked for
 * @param force - different hosts are no obstacle
 * @throws FaultLabError `COMPARE_EMULATED`: figures were asked for, and some hosts are emulated and others are not; `COMPARE_HOSTS`: of different
 * hosts, not forced
 */
export function figuresWithheld(reports: readonly HostedReport[], verdictsOnly: boolean, force: boolean): string | null {
  if (verdictsOnly) return 'verdicts alone were asked for';
  const emulated = reports.filter(({ report }) => report.host.emulated);
  if (emulated.length !== 0 && emulated.length !== reports.length) {
    const names = emulated.map(({ name, report }) => `${name} (${printable(describeHost(report.host))})`).join(', ');
    throw new FaultLabError('COMPARE_EMULATED', `figures of emulated hosts are not compared with those of others: ${names}`, {
      hint: 'compare verdicts alone (--verdicts): they hold on every host',
    });
  }
  const hosts = differingHosts(reports);
  if (hosts.length > 1 && !force) {
    throw new FaultLabError('COMPARE_HOSTS', `the reports are of ${hosts.length} different hosts: ${hosts.map((host) => printable(describeHost(host))).join('; ')}`, {
      hint: 'compare verdicts alone (--verdicts), or figures all the same (--force)',
    });
  }
  return hosts[0].kind === 'unknown' && !force ? 'the kind of the hosts is not known' : null;
}

/** The different hosts of reports. A host with another kernel is the same host: that is what is most often compared. */
export function differingHosts(reports: readonly HostedReport[]): ComparableHost[] {
  const keyOf = ({ kind, cpuModel, cpuCount, virtualized, emulated }: ComparableHost): string => JSON.stringify([kind, cpuModel, cpuCount, virtualized, emulated]);
  return [...new Map(reports.map(({ report: { host } }) => [keyOf(host), host])).values()];
}

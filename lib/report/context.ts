/** What every section of a page knows about it: above all, whose figures it shows. */
import { figureMark, type FigureMark } from '../bench/index.js';
import { describeHost, type Host } from '../kvm/index.js';
import { hostsOf, sameHost, type ReportItem } from './item.js';

/** See the module's comment; one for each item. */
export interface ItemContext {
  /** Anchor of the item's section. */
  readonly id: string;
  readonly mark: FigureMark;
  /** To stand in every plot: which host it is of, where a page holds several. Null where all are of one. */
  readonly hostNote: string | null;
}

/** The contexts of items, in their order. */
export function contextsOf(items: readonly ReportItem[]): ItemContext[] {
  const hosts = hostsOf(items);
  return items.map(({ report }, at) => ({
    id: `item-${at + 1}`,
    mark: figureMark(report.host),
    hostNote: hosts.length < 2 ? null : `Host ${numberOf(hosts, report.host)} of ${hosts.length}: ${describeHost(report.host)}. Other figures on this page are of other hosts and not to be compared with these.`,
  }));
}

function numberOf(hosts: readonly Host[], host: Host): number {
  return hosts.findIndex((candidate) => sameHost(candidate, host)) + 1;
}

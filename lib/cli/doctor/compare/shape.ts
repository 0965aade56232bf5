/** The shape of the table for documents: which facts, in which form. What was answered, and on which hosts, has no part in it. */
import { createHash } from 'node:crypto';
import type { Host } from '../../../kvm/index.js';
import { catalogue, type Fact, type ProbeGroup } from '../../../probes/index.js';
import { compareFacts } from './comparison.js';
import { renderComparisonMarkdown } from './render-markdown.js';

const HOST: Host = { kind: 'unknown', kernelRelease: '', cpuModel: '', cpuCount: 1, virtualized: false, emulated: false };
const DIGITS = 12;

/**
 * A digest that changes with the probes there are and with the form of the table: two made-up hosts that differ in everything, and two that
 * agree, are rendered. A document that holds another digest was made by another release.
 * `groups` are the probes there are.
 */
export function tableShape(groups: readonly ProbeGroup[] = catalogue): string {
  const facts = (answer: string): Fact[] => groups.flatMap(({ title: group, probes }) => probes.map(({ id, title }): Fact => ({ id, group, title, answer })));
  const hash = createHash('sha256');
  for (const answers of [['a', 'b'], ['a', 'a']]) {
    const comparison = compareFacts(answers.map((answer, at) => ({ name: `${at}`, host: HOST, facts: facts(answer) })));
    hash.update(comparison.rows.map(({ id }) => id).join('\n')).update(renderComparisonMarkdown(comparison, { all: true }));
  }
  return hash.digest('hex').slice(0, DIGITS);
}

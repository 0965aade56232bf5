/** Results as KTAP (Documentation/dev-tools/ktap.rst), line by line. */
import type { CaseResult } from './suite.js';

/**
 * The lines before the results.
 * @param remarks - what is tried, on what
 */
export function ktapHeader(remarks: readonly string[], count: number): string[] {
  return ['KTAP version 1', ...remarks.map(diagnostic), `1..${count}`];
}

/** The lines of one result. @param number - from 1, in order */
export function ktapResult(number: number, { rule, outcome, reason, diagnostics }: CaseResult): string[] {
  const line = `${outcome === 'not ok' ? 'not ok' : 'ok'} ${number} ${rule.id} ${plain(rule.sentence)}`;
  const lines = diagnostics.flatMap((text) => text.split('\n')).map(diagnostic);
  return [...lines, outcome === 'skip' ? `${line} # SKIP ${plain(reason ?? '')}` : line];
}

function diagnostic(text: string): string {
  return `# ${text}`;
}

/** A number sign in a description would be read as the start of a directive: #PF is written PF. */
function plain(text: string): string {
  return text.replaceAll('#', '').replaceAll('\n', ' ');
}

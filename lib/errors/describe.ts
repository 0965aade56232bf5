import { FaultLabError } from './fault-lab-error.js';
import { hintFor } from './hints.js';
import { isCoded } from './from-native.js';

function capitalized(text: string): string {
  return text === '' ? text : text[0].toUpperCase() + text.slice(1);
}

/**
 * The line the CLI prints for an error: what was tried, what happened, the code, and what the user can do. Never a stack
 * and never more than one line.
 */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return `Unexpected failure: ${oneLine(String(error))}`;
  const code = isCoded(error) ? ` [${error.code}]` : '';
  const advice = error instanceof FaultLabError ? error.hint : isCoded(error) ? hintFor(error.code) : undefined;
  const hint = advice === undefined ? '' : ` ${advice}`;
  const message = oneLine(error.message).replace(/\.$/, '');
  return `${capitalized(message === '' ? error.name : message)}${code}.${oneLine(hint)}`;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}

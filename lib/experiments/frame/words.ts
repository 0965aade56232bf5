/** Small words of reports: numbers with their nouns, lists, sentences. */

/** `1 world`, `2 worlds`. */
export function countOf(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

/** `a`, `a and b`, `a, b and c`; `none` of nothing. */
export function listOf(items: readonly string[], none = 'none'): string {
  if (items.length < 2) return items[0] ?? none;
  return `${items.slice(0, -1).join(', ')} and ${items[items.length - 1]}`;
}

/** A part of a sentence as a whole one: capitalised, with a full stop. */
export function asSentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`;
}

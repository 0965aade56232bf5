/** The part of a document that a command writes: between two marks, with a digest of its shape and one of its text. */
import { createHash } from 'node:crypto';

const COMMAND = 'npm run hosts:table';
const BEGIN = /^<!-- generated: npm run hosts:table \(shape (?<shape>[0-9a-f]+), text (?<text>[0-9a-f]+)\); do not edit -->$/m;
/** What a document holds where nothing was generated yet. */
const EMPTY = /^<!-- generated: npm run hosts:table -->$/m;
const END = '<!-- end of generated -->';
const DIGITS = 12;

/** @param {string} text any @returns {string} a digest for the mark */
const digest = (text) => createHash('sha256').update(text).digest('hex').slice(0, DIGITS);

/**
 * @param {string} document all of it
 * @returns {{ before: string, mark: RegExpExecArray, generated: string, after: string } | undefined} its parts; undefined without both marks
 */
function split(document) {
  const mark = BEGIN.exec(document) ?? EMPTY.exec(document);
  if (mark === null) return undefined;
  const start = mark.index + mark[0].length;
  const end = document.indexOf(END, start);
  if (end < 0) return undefined;
  return { before: document.slice(0, mark.index), mark, generated: document.slice(start, end), after: document.slice(end) };
}

/**
 * @param {string} document with both marks
 * @param {string} table to put between them
 * @param {string} shape of the table, as doctor has it
 * @returns {string | undefined} the document with the table in place of what was there; undefined without the marks
 */
export function replaceTable(document, table, shape) {
  const parts = split(document);
  if (parts === undefined) return undefined;
  const generated = `\n\n${table.trim()}\n\n`;
  return `${parts.before}<!-- generated: ${COMMAND} (shape ${shape}, text ${digest(generated)}); do not edit -->${generated}${parts.after}`;
}

/**
 * Says what is wrong with the generated part, without making it again: answers are not looked at, for they need the hosts.
 * @param {string} document all of it
 * @param {string} shape that a table made now would have
 * @returns {string | undefined} one sentence, or nothing
 */
export function tableProblem(document, shape) {
  const parts = split(document);
  if (parts === undefined) return `it lacks the marks between which \`${COMMAND}\` writes`;
  const { shape: ofDocument, text } = parts.mark.groups ?? {};
  if (text === undefined) return `its table was never made: run \`${COMMAND}\``;
  if (text !== digest(parts.generated)) return `its table was changed by hand: run \`${COMMAND}\``;
  if (ofDocument !== shape) return `its table was made with other probes, or in another form, than there are now: run \`${COMMAND}\``;
  return undefined;
}

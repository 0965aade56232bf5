/** HTML and SVG as text. Whatever is put into a template is escaped; only markup that was made here goes in as it is. */

/** Finished markup. Made by {@link html} and {@link join}, so that text of a report cannot pass for it. */
export class Markup {
  private constructor(private readonly text: string) {}

  /** Text that this project wrote itself: never a part of a report. */
  static trusted(text: string): Markup {
    return new Markup(text);
  }

  /** The markup itself. */
  toString(): string {
    return this.text;
  }
}

/** What a template takes: text and numbers are escaped, markup is not, nothing (`null`, `false`) leaves no trace. */
export type Content = string | number | Markup | null | false | readonly Content[];

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/**
 * Text as it may stand between tags and in a quoted attribute. Control characters, which neither HTML nor SVG allow, and marks that turn the direction of
 * the text around become a visible replacement.
 */
export function escapeText(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]|\p{Cs}/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

function render(content: Content): string {
  if (content === null || content === false) return '';
  if (content instanceof Markup) return content.toString();
  if (typeof content === 'string') return escapeText(content);
  if (typeof content === 'number') return escapeText(String(content));
  return content.map(render).join('');
}

/** A template whose holes are escaped. */
export function html(strings: TemplateStringsArray, ...holes: readonly Content[]): Markup {
  return Markup.trusted(strings.map((text, at) => (at < holes.length ? text + render(holes[at]) : text)).join(''));
}

/** Pieces one after another. */
export function join(pieces: readonly Content[], between = ''): Markup {
  return Markup.trusted(pieces.map(render).join(escapeText(between)));
}

/** Text in columns that loses nothing: a word too long for its column sticks out. */

/** Breaks text into lines of at most `width` characters, at spaces. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}

/** One cell: its text, and how to colour it once it has its place. */
export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

const GAP = '  ';

/** Lays out one row: each cell wrapped to its column's width. Returns its lines, without trailing blanks. */
export function layoutRow(cells: readonly Cell[], widths: readonly number[]): string[] {
  const wrapped = cells.map(({ text }, column) => wrap(text, widths[column]));
  const height = Math.max(...wrapped.map((lines) => lines.length));
  return Array.from({ length: height }, (_, at) =>
    cells
      .map(({ paint = (text: string) => text }, column) => {
        const line = at < wrapped[column].length ? wrapped[column][at] : '';
        const padding = column === cells.length - 1 ? '' : ' '.repeat(Math.max(0, widths[column] - line.length)) + GAP;
        return (line === '' ? '' : paint(line)) + padding;
      })
      .join('')
      .trimEnd(),
  );
}

/** Widths of columns: as wide as their longest text, but at most `most`; the last one takes what is left of `total`. */
export function columnWidths(rows: readonly (readonly Cell[])[], most: readonly number[], total: number, least: number): number[] {
  const widths = most.map((limit, column) => Math.min(limit, Math.max(0, ...rows.map((row) => row[column].text.length))));
  const used = widths.reduce((sum, width) => sum + width + GAP.length, 0);
  return [...widths, Math.max(least, total - used)];
}

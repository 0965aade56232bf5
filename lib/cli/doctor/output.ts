/** Where reports go, and how wide and colourful they may be there. */
import type { RenderOptions } from './render.js';

/** Where the report goes: process.stdout, or anything that takes text. */
export interface DoctorOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

const WIDTH_WITHOUT_TERMINAL = 120;
const WIDEST = 160;

/** Colours only on a terminal that wants them; the width is the terminal's, within reason. */
export function layoutFor(output: DoctorOutput): RenderOptions {
  const terminal = output.isTTY === true;
  const width = Math.min(WIDEST, terminal ? (output.columns ?? WIDTH_WITHOUT_TERMINAL) : WIDTH_WITHOUT_TERMINAL);
  return { colors: terminal && process.env['NO_COLOR'] === undefined, width };
}

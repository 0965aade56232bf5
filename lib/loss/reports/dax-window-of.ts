/** Reports that look at the file behind the window. */
import { FaultLabError } from '../../errors/index.js';
import { DaxWindow } from '../../memory/index.js';
import type { ReportMachine } from '../report.js';

/** @throws FaultLabError `BAD_OPTION` where the window is none onto a file */
export function daxWindowOf({ window }: Pick<ReportMachine, 'window'>, report: string): DaxWindow {
  if (window instanceof DaxWindow) return window;
  throw new FaultLabError('BAD_OPTION', `the report '${report}' looks at the file behind the window, and this window has none to look at`, { hint: 'make the window with DaxWindow.create()' });
}

/** Reports that look at the file behind the window. */
import { FaultLabError } from '../../errors/index.js';
import { DaxWindow } from '../../memory/index.js';
import type { ReportMachine } from '../report.js';

/**
 * The window of a machine, as one onto a file.
 * @throws FaultLabError `BAD_OPTION` where it is none
 */
export function daxWindowOf({ window }: Pick<ReportMachine, 'window'>, report: string): DaxWindow {
  if (window instanceof DaxWindow) return window;
  throw new FaultLabError('BAD_OPTION', `the report '${report}' looks at the file behind the window, and this window has none to look at`, { hint: 'make the window with DaxWindow.create()' });
}

/** The lab's first process, for the initramfs: a static executable. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inRoot, isSourceCheckout } from '../setup/checkout.js';
import { filesBelow, fingerprint } from '../setup/fingerprint.js';
import { requireTools } from '../setup/tools.js';
import { cachedDirectory, inCache } from './cache.js';
import { runTool } from './run-tool.js';

/** The one that an installed package brings. */
export const PREBUILT_INIT = inRoot('prebuilds/lab/init');

/**
 * @returns {Promise<Buffer>} the executable, compiled unless it is cached or came with the package
 * @throws {SetupFailure} TOOL_MISSING, STEP_FAILED
 */
export async function initProgram() {
  if (!isSourceCheckout() && existsSync(PREBUILT_INIT)) return readFileSync(PREBUILT_INIT);
  const sources = filesBelow(inRoot('scripts/lab/init'));
  const purpose = 'building the lab\'s init';
  const directory = await cachedDirectory(inCache(`init-${fingerprint(sources).slice(0, 16)}`), { sizeBytes: 10e6, fill: (draft) => {
    requireTools(purpose, ['gcc']);
    const programs = sources.filter((path) => path.endsWith('.c'));
    const command = ['gcc', '-static', '-Os', '-s', '-Wall', '-Wextra', '-D_GNU_SOURCE', '-o', join(draft, 'init'), ...programs];
    runTool(command, { purpose, limitSeconds: 120 });
  } });
  return readFileSync(join(directory, 'init'));
}

/** The lab's first process, compiled for the initramfs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inRoot } from '../setup/checkout.js';
import { fingerprint } from '../setup/fingerprint.js';
import { requireTools } from '../setup/tools.js';
import { cachedDirectory, inCache } from './cache.js';
import { runTool } from './run-tool.js';

/**
 * @returns {Promise<Buffer>} a static executable
 * @throws {SetupFailure} TOOL_MISSING, STEP_FAILED
 */
export async function initProgram() {
  const source = inRoot('scripts/lab/init.c');
  const directory = await cachedDirectory(inCache(`init-${fingerprint([source]).slice(0, 16)}`), { sizeBytes: 10e6, fill: (draft) => {
    requireTools('building the lab\'s init', ['gcc']);
    const command = ['gcc', '-static', '-Os', '-s', '-Wall', '-Wextra', '-D_GNU_SOURCE', '-o', join(draft, 'init'), source];
    runTool(command, { purpose: 'building the lab\'s init', limitSeconds: 120 });
  } });
  return readFileSync(join(directory, 'init'));
}

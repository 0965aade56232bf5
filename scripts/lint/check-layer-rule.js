/**
 * Shows that the layer rule bites: for every two layers there are, an import against the order must be an error and one along it must
 * not. A rule that silently resolves nothing would pass every file.
 */
import { existsSync } from 'node:fs';
import { ESLint } from 'eslint';
import { ROOT, inRoot } from '../setup/checkout.js';
import { LAYERS } from './layers.js';

const RULE = 'boundaries/dependencies';

const eslint = new ESLint({
  cwd: ROOT,
  // The probes are not in any project, and the one rule needs no types.
  overrideConfig: [{ files: ['**/*.ts'], languageOptions: { parserOptions: { projectService: false } } }],
  ruleFilter: ({ ruleId }) => ruleId === RULE,
});

/**
 * @param {string} from the importing layer
 * @param {string} to the imported one
 * @returns {Promise<boolean>} whether the rule reports it
 */
async function isReported(from, to) {
  const [result] = await eslint.lintText(`import '../${to}/index.js';\n`, { filePath: inRoot('lib', from, 'layer-probe.ts') });
  const fatal = result?.messages.find((message) => message.fatal);
  if (fatal !== undefined) throw new Error(fatal.message);
  return result?.messages.some((message) => message.ruleId === RULE) ?? false;
}

const present = LAYERS.filter((layer) => existsSync(inRoot('lib', layer, 'index.ts')));
let wrong = 0;
for (const [low, lower] of present.entries()) {
  for (const higher of present.slice(low + 1)) {
    if (!(await isReported(lower, higher))) {
      wrong += 1;
      console.error(`the layer rule let lib/${lower} import lib/${higher}`);
    }
    if (await isReported(higher, lower)) {
      wrong += 1;
      console.error(`the layer rule forbade lib/${higher} to import lib/${lower}`);
    }
  }
}
if (present.length < 2) {
  wrong += 1;
  console.error('fewer than two layers have an index.ts: the layer rule cannot be shown to work');
}
console.log(`${String(present.length)} layers, every pair tried in both directions, ${String(wrong)} wrong`);
process.exitCode = wrong === 0 ? 0 : 1;

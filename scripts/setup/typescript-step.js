/** dist/ from lib/ and test/. */
import { existsSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { bundle, bundleOriginals, unbundle } from './bundle.js';
import { ROOT, inRoot } from './checkout.js';
import { filesBelow, fingerprint } from './fingerprint.js';
import { runLogged } from './run-logged.js';

/** Inside dist, so that whoever deletes the outputs deletes tsc's memory of having written them. */
const BUILD_INFO = 'dist/.tsbuildinfo';

/** @returns {string[]} absolute paths of everything that has an output in dist */
const allSources = () => [...filesBelow(inRoot('lib')), ...filesBelow(inRoot('test'))].filter((file) => /(?<!\.d)\.c?ts$/.test(file));

/** @returns {string[]} what this step compiles: the oracle has a compilation of its own */
const sources = () => allSources().filter((file) => !file.startsWith(inRoot('test/oracle/')));

/**
 * @param {string} source absolute path of a .ts or .cts file
 * @returns {string} absolute path of what it compiles to
 */
const outputOf = (source) => inRoot('dist', relative(ROOT, source).replace(/ts$/, 'js'));

/** Deletes what deleted or renamed sources left behind: mocha would run their old tests. */
function prune() {
  const wanted = new Set([...allSources().map(outputOf), ...bundleOriginals()]);
  for (const file of [...filesBelow(inRoot('dist/lib')), ...filesBelow(inRoot('dist/test'))]) {
    const script = file.replace(/(?:\.d\.(c?)ts|\.(c?)js\.map)$/, '.$1$2js');
    if (/\.c?js$/.test(script) && !wanted.has(script)) rmSync(file, { force: true });
  }
}

/** @type {import('./steps.js').Step} */
export const typescriptStep = {
  name: 'typescript',
  label: 'compiling TypeScript',
  fingerprint: () => fingerprint([...sources(), inRoot('tsconfig.json'), inRoot('package-lock.json'), inRoot('scripts/setup/bundle.js')]),
  isCurrent: () => sources().every((source) => existsSync(outputOf(source))) && bundleOriginals().every((file) => existsSync(file)),
  async run() {
    unbundle();
    prune();
    // With an output missing tsc's memory is wrong.
    if (!sources().every((source) => existsSync(outputOf(source)))) rmSync(inRoot(BUILD_INFO), { force: true });
    const tsc = inRoot('node_modules/typescript/lib/tsc.js');
    await runLogged({ name: 'typescript', command: [process.execPath, tsc, '-p', 'tsconfig.json', '--incremental', '--tsBuildInfoFile', BUILD_INFO], limitSeconds: 600 });
    await bundle();
  },
};

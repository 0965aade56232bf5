/**
 * Threads that start often get one file each: a Worker loads every module for itself, and two hundred small ones take longer to find and to compile than
 * everything else that a machine's start is made of. What tsc made of the entry stays beside the bundle, `NAME.entry.js`, which takes its place.
 */
import { copyFileSync, existsSync, renameSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { inRoot } from './checkout.js';

/** Entries of Workers, in dist. Nothing imports them. */
const ENTRIES = Object.freeze(['dist/lib/machine/vcpu-worker.js', 'dist/lib/machine/resolver-worker.js']);

/** Modules of lib do nothing when they are imported: what nobody uses of them is left out. */
const TREESHAKE = Object.freeze({ moduleSideEffects: false, propertyReadSideEffects: false });

/**
 * @param {string} script path of a bundle
 * @returns {string} path of what tsc made of it
 */
const originalOf = (script) => script.replace(/\.js$/, '.entry.js');

/** @returns {string[]} absolute paths of files that no source compiles to */
export const bundleOriginals = () => ENTRIES.map((entry) => inRoot(originalOf(entry)));

/** Puts tsc's outputs back, so that its memory of having written them is true. */
export function unbundle() {
  for (const entry of ENTRIES) {
    const original = inRoot(originalOf(entry));
    if (existsSync(original)) renameSync(original, inRoot(entry));
  }
}

/**
 * Makes the bundles. Packages stay outside; a module that names itself by its URL names the file that it was in. Constants stay `const`, which the engine folds: what
 * makes variables of them costs the vCPU's loop an object a fault.
 */
export async function bundle() {
  const { rollup } = await import('rollup');
  for (const entry of ENTRIES) {
    const file = inRoot(entry);
    const original = inRoot(originalOf(entry));
    copyFileSync(file, original);
    const made = await rollup({ input: original, external: (id) => !/^[./]/.test(id), treeshake: TREESHAKE, plugins: [ownUrls(dirname(file))] });
    await made.write({ file, format: 'es' });
    await made.close();
  }
}

/**
 * @param {string} folder of the bundle
 * @returns {import('rollup').Plugin} that keeps `import.meta.url` what it was
 */
const ownUrls = (folder) => ({
  name: 'own-urls',
  resolveImportMeta(property, { moduleId }) {
    if (property !== 'url') return null;
    return `new URL(${JSON.stringify(encodeURI(relative(folder, moduleId.replace(/\.entry\.js$/, '.js'))))}, import.meta.url).href`;
  },
});

/** Finds the TypeScript source behind an import that ends in .js, in the form eslint-module-utils asks for (resolver version 2). */
'use strict';
const { existsSync } = require('node:fs');
const { isBuiltin } = require('node:module');
const { dirname, resolve } = require('node:path');

exports.interfaceVersion = 2;

/**
 * @param {string} source what is imported
 * @param {string} importer absolute path of the importing file
 * @returns {{ found: boolean, path?: string | null }} where it is; null for Node's own modules
 */
exports.resolve = (source, importer) => {
  if (isBuiltin(source)) return { found: true, path: null };
  if (!source.startsWith('.')) return { found: false };
  const path = resolve(dirname(importer), source);
  const found = [path.replace(/js$/, 'ts'), path].find((candidate) => existsSync(candidate));
  return found === undefined ? { found: false } : { found: true, path: found };
};

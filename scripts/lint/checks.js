/** What `npm run lint` runs, each with the tools it needs. */
import { existsSync } from 'node:fs';
import { inRoot } from '../setup/checkout.js';
import { filesBelow } from '../setup/fingerprint.js';

/**
 * @typedef {object} Check
 * @property {string} name shown as its heading
 * @property {readonly string[]} [tools] not from npm; missing ones skip the check outside CI and fail it there
 * @property {() => readonly (readonly string[])[]} commands all must succeed; those of one list may run side by side
 * @property {readonly string[]} [before] a command that prepares it
 */

const node = process.execPath;
const bin = (/** @type {string} */ path) => inRoot('node_modules', path);
const tsc = bin('typescript/lib/tsc.js');

/** A build directory that only clang-tidy reads; not in build/, which node-gyp empties. */
const TIDY_BUILD = inRoot('native/build/tidy');

/**
 * @param {RegExp} pattern of names
 * @param {...string} directories below the root
 * @returns {string[]} absolute paths
 */
const sources = (pattern, ...directories) => directories.flatMap((directory) => filesBelow(inRoot(directory))).filter((file) => pattern.test(file));

/** @returns {string[]} the script that generates the guest's constants, where there is one */
const abiGenerators = () => ['js', 'mjs'].map((extension) => inRoot(`scripts/generate-guest-abi.${extension}`)).filter((file) => existsSync(file));

/** @type {readonly Check[]} */
export const CHECKS = [
  { name: 'eslint', commands: () => [[node, bin('eslint/bin/eslint.js'), '--max-warnings', '0', '.']] },
  { name: 'layer rule', commands: () => [[node, inRoot('scripts/lint/check-layer-rule.js')]] },
  {
    name: 'types',
    commands: () => ['tsconfig.json', 'scripts/tsconfig.json', 'test/oracle/tsconfig.json'].map((project) => [node, tsc, '--noEmit', '-p', inRoot(project)]),
  },
  { name: 'dependency docs', commands: () => [[node, inRoot('scripts/lint/check-dependency-docs.js')]] },
  { name: 'guest constants', commands: () => abiGenerators().map((script) => [node, script, '--check']) },
  { name: 'host table', commands: () => [[node, inRoot('scripts/hosts/table.js'), '--check']] },
  {
    name: 'clang-format',
    tools: ['clang-format'],
    commands: () => [['clang-format', '--dry-run', '-Werror', ...sources(/\.(?:c|cc|cpp|h|hpp)$/, 'native', 'guest')]],
  },
  {
    name: 'clang-tidy',
    tools: ['clang-tidy', 'cmake', 'g++', 'make'],
    before: [node, bin('cmake-js/bin/cmake-js'), 'configure', '--out', TIDY_BUILD, '--CDCMAKE_EXPORT_COMPILE_COMMANDS=ON'],
    commands: () => sources(/\.(?:cc|cpp)$/, 'native').map((file) => ['clang-tidy', '-p', TIDY_BUILD, '--quiet', '--warnings-as-errors=*', file]),
  },
];

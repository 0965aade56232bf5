/** Tools the build steps call, and where Debian and Ubuntu keep them. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { SetupFailure } from './failure.js';

/** @type {Readonly<Record<string, string>>} */
const APT_PACKAGES = {
  'g++': 'g++', gcc: 'gcc', cc: 'gcc', make: 'make', python3: 'python3', ld: 'binutils', npm: 'npm', xz: 'xz-utils',
  'clang-format': 'clang-format', 'clang-tidy': 'clang-tidy', cmake: 'cmake',
};

/**
 * The first executable of that name in PATH; a name with a slash is taken as it is.
 * @param {string} name of the tool
 * @returns {string | undefined} its path
 */
export function findTool(name) {
  const candidates = name.includes('/') ? [name] : (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, name));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Variables that name another tool for the job, as make and node-gyp understand them. @type {Readonly<Record<string, string>>} */
const OVERRIDES = { 'g++': 'CXX', gcc: 'CC', python3: 'PYTHON', ld: 'LD' };

/**
 * One sentence about everything that is missing, so that one apt-get mends it.
 * @param {string} purpose what needs the tools: "building the guest"
 * @param {readonly string[]} tools by their Debian names
 * @param {Readonly<Record<string, string>>} [headers] of libraries: the file, and the package that brings it
 * @throws {SetupFailure} TOOL_MISSING
 */
export function requireTools(purpose, tools, headers = {}) {
  const missingTools = tools.filter((tool) => {
    const override = process.env[OVERRIDES[tool] ?? '']?.split(' ')[0];
    return findTool(override ?? tool) === undefined;
  });
  const missingHeaders = Object.keys(headers).filter((header) => !existsSync(header));
  const missing = [...missingTools, ...missingHeaders];
  if (missing.length === 0) return;
  const packages = [...new Set([...missingTools.map((tool) => APT_PACKAGES[tool] ?? tool), ...missingHeaders.map((header) => headers[header] ?? header)])];
  const where = missingTools.length === 0 ? 'not there' : 'not in PATH';
  throw new SetupFailure(
    'TOOL_MISSING',
    `${purpose} needs ${missing.join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} ${where}; install with: apt-get install -y ${packages.join(' ')}`,
  );
}

/**
 * What to call to run npm: the npm that started us, else the one in PATH.
 * @returns {string[] | undefined} command and first arguments
 */
export function npmCommand() {
  const running = process.env.npm_execpath;
  if (running !== undefined && /npm-cli\.c?js$/.test(running) && existsSync(running)) return [process.execPath, running];
  const found = findTool('npm');
  return found === undefined ? undefined : [found];
}

/**
 * Node's own headers, where its package brought them: saves node-gyp a download, and a network.
 * @returns {string | undefined} the prefix that holds include/node
 */
export function localNodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node_api.h')) && existsSync(join(prefix, 'include/node/common.gypi')) ? prefix : undefined;
}

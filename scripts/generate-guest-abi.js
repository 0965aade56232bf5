/**
 * Writes lib/guest/abi.ts from guest/include/abi.h, and lib/loss/abi.ts from loss-abi.h beside it: every #define as a constant, every struct as a
 * layout. Names and comments are read from a header's text; values, offsets and sizes come from a C program compiled against it, so nothing is computed twice.
 *
 * `node scripts/generate-guest-abi.js` writes, with `--check` it fails when a file is not what it would write. CC names the compiler.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What is generated from what. */
const CONTRACTS = [
  { header: join(ROOT, 'guest/include/abi.h'), output: join(ROOT, 'lib/guest/abi.ts') },
  { header: join(ROOT, 'guest/include/loss-abi.h'), output: join(ROOT, 'lib/loss/abi.ts') },
];

/** @typedef {{ name: string, literal: string, heading: string, comment: string }} Constant */
/** @typedef {{ name: string, comment: string }} Field */
/** @typedef {{ name: string, comment: string, fields: Field[] }} Struct */

/** @extends {Error} */
class GenerateFailure extends Error {}

/**
 * @param {string} text between the marks of a C comment
 * @returns {string} one line
 */
const oneLine = (text) => text.replace(/^\s*\*\s?/gm, ' ').replace(/\s+/g, ' ').trim();

/** Fields that only fill space: nobody reads them. */
const isPadding = (/** @type {string} */ name) => /^reserved\d*$|_pad$/.test(name);

/**
 * A header comment belongs to the run of lines right behind it, and is told at the first of them.
 * @param {string} source of the header
 * @returns {{ constants: Constant[], structs: Struct[] }} in the header's order
 * @throws {GenerateFailure} where something would be left out
 */
function parse(source) {
  /** @type {Constant[]} */
  const constants = [];
  /** @type {Struct[]} */
  const structs = [];
  const token =
    /\/\*(?<block>[\s\S]*?)\*\/[ \t]*\n|^#define[ \t]+(?<define>[A-Z]\w*)[ \t]+(?<literal>\S.*?)[ \t]*(?:\/\*(?<trailing>.*?)\*\/)?[ \t]*\n|^struct (?<struct>\w+) \{\n(?<body>[\s\S]*?)^\};\n|^[ \t]*\n|^.*\n/gm;
  let heading = '';
  for (const match of source.matchAll(token)) {
    const groups = match.groups ?? {};
    if (groups.block !== undefined) {
      heading = oneLine(groups.block);
      continue;
    }
    if (groups.define !== undefined) {
      constants.push({ name: groups.define, literal: groups.literal ?? '', heading, comment: oneLine(groups.trailing ?? '') });
    } else if (groups.struct !== undefined) {
      structs.push({ name: groups.struct, comment: heading, fields: parseFields(groups.body ?? '') });
    }
    heading = '';
  }
  const defines = [...source.matchAll(/^#define[ \t]+\w+[ \t]+\S/gm)].length;
  const declared = [...source.matchAll(/^struct \w+ \{/gm)].length;
  if (constants.length !== defines || structs.length !== declared) throw new GenerateFailure('a #define or a struct is written in a way that this script does not read');
  return { constants, structs };
}

/**
 * @param {string} body of a struct
 * @returns {Field[]} without padding
 * @throws {GenerateFailure} where a field would be left out
 */
function parseFields(body) {
  const fields = [...body.matchAll(/^\t(?:struct )?\w+ (?<name>\w+)(?:\[\w+\])?;[ \t]*(?:\/\*(?<comment>.*?)\*\/)?$/gm)]
    .map(({ groups }) => ({ name: groups?.name ?? '', comment: oneLine(groups?.comment ?? '') }));
  const lines = body.split('\n').filter((line) => line.trim() !== '');
  if (fields.length !== lines.length) throw new GenerateFailure(`a field is declared in a way that this script does not read:\n${body}`);
  return fields.filter(({ name }) => !isPadding(name));
}

/**
 * @param {string} header to compile against
 * @param {string[]} expressions of integer type
 * @returns {Map<string, number>} their values
 * @throws {GenerateFailure} when there is no compiler or the header does not compile
 */
function evaluate(header, expressions) {
  const directory = mkdtempSync(join(tmpdir(), 'guest-abi-'));
  try {
    const program = join(directory, 'values');
    const lines = expressions.map((expression) => `\tprintf("%llu\\n", (unsigned long long)(${expression}));`);
    writeFileSync(`${program}.c`, `#include <stddef.h>\n#include <stdio.h>\n#include "${header}"\nint main(void)\n{\n${lines.join('\n')}\n}\n`);
    run(process.env.CC ?? 'gcc', ['-Wall', '-Werror', '-o', program, `${program}.c`]);
    const values = run(program, []).trim().split('\n').map(Number);
    return new Map(expressions.map((expression, i) => [expression, safe(expression, values[i])]));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/**
 * @param {string} expression whose value it is
 * @param {number | undefined} value as printed
 * @returns {number} the same
 */
function safe(expression, value) {
  if (value === undefined || !Number.isSafeInteger(value)) throw new GenerateFailure(`${expression} is not a safe integer: ${value ?? 'missing'}`);
  return value;
}

/**
 * @param {string} command to run
 * @param {string[]} args for it
 * @returns {string} its stdout
 */
function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 });
  if (error !== undefined) throw new GenerateFailure(`${command} does not run: ${error.message}`);
  if (status !== 0) throw new GenerateFailure(`${command} failed:\n${stderr}`);
  return stdout;
}

/**
 * @param {string} text or nothing
 * @param {string} [indent] before the line
 * @returns {string[]} a TSDoc line, if there is something to say
 */
const doc = (text, indent = '') => (text === '' ? [] : [`${indent}/** ${text.replaceAll('*/', '* /')} */`]);

/** @param {string} name in snake_case @returns {string} in camelCase */
const camelCase = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/**
 * @param {string} header its path
 * @param {{ constants: Constant[], structs: Struct[] }} parsed the same, as parsed
 * @returns {string} the module
 */
function render(header, { constants, structs }) {
  const sizeOf = (/** @type {Struct} */ struct) => `sizeof(struct ${struct.name})`;
  const placeOf = (/** @type {Struct} */ struct, /** @type {Field} */ field) =>
    /** @type {const} */ ([`offsetof(struct ${struct.name}, ${field.name})`, `sizeof(((struct ${struct.name} *)0)->${field.name})`]);
  const values = evaluate(header, [
    ...constants.map(({ name }) => name),
    ...structs.flatMap((struct) => [sizeOf(struct), ...struct.fields.flatMap((field) => placeOf(struct, field))]),
  ]);
  const constantLines = constants.flatMap(({ name, literal, heading, comment }) => {
    const value = values.get(name);
    const lines = comment === '' ? doc(heading) : [...(heading === '' ? [] : [`// ${heading}`]), ...doc(comment)];
    return [...lines, `export const ${name} = ${Number(literal) === value ? literal : value};`];
  });
  const structLines = structs.flatMap((struct) => [
    '',
    ...doc(struct.comment),
    `export const ${camelCase(struct.name)}Layout = structLayout('${struct.name}', ${values.get(sizeOf(struct))}, {`,
    ...struct.fields.flatMap((field) => {
      const place = placeOf(struct, field).map((expression) => values.get(expression));
      return [...doc(field.comment, '  '), `  ${field.name}: [${place.join(', ')}],`];
    }),
    '});',
  ]);
  const heading = [
    '/**',
    ` * The contract between the guest and the VMM. Generated from ${relative(ROOT, header)} by scripts/generate-guest-abi.js: change that file, not this.`,
    ' */',
    "import { structLayout } from '../uapi/index.js';",
    '',
  ];
  return [...heading, ...constantLines, ...structLines, ''].join('\n');
}

/**
 * @param {string[]} args of the command line
 * @throws {GenerateFailure} where the file is stale or cannot be made
 */
function main(args) {
  if (args.some((arg) => arg !== '--check')) throw new GenerateFailure('usage: node scripts/generate-guest-abi.js [--check]');
  for (const { header, output } of CONTRACTS) {
    const wanted = render(header, parse(readFileSync(header, 'utf8')));
    if (!args.includes('--check')) {
      writeFileSync(output, wanted);
    } else if (readFileSync(output, 'utf8') !== wanted) {
      throw new GenerateFailure(`${relative(ROOT, output)} is stale: run node scripts/generate-guest-abi.js`);
    }
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof GenerateFailure)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

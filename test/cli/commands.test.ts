import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { FileArgument, FileOption, namedFiles } from '../../lib/cli/files.js';
import { readCommandLine } from '../../lib/cli/main.js';
import { createProgram } from '../../lib/cli/program.js';

const LAUNCHER_OPTIONS = [{ flags: '--elsewhere', description: 'somewhere else' }];

/** What a command with commands below it does is shown by those. */
function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

/** As it is typed: `kvm-faultlab bench`. */
function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  return text;
}

const documentation = readFileSync(new URL('../../../docs/CLI.md', import.meta.url), 'utf8');
const commands = leaves(createProgram(() => undefined, LAUNCHER_OPTIONS));

describe('every command', () => {
  it('is found by these tests', () => {
    assert(commands.length >= 3);
  });

  for (const command of commands) {
    const name = fullName(command);
    describe(name, () => {
      it('offers --json, or makes a file of another kind', () => {
        assert(command.options.some(({ long }) => long === '--json' || long === '--output'));
      });

      it('teaches by example, each with what it does, and lists its exit codes', () => {
        const help = helpOf(command);
        const examples = /^Examples:\n((?: {2,}\S.*\n)+)/m.exec(help)?.[1] ?? '';
        assert(examples.includes(`  ${name}`), `no example of ${name} in:\n${help}`);
        for (const line of examples.split('\n').filter((text) => text !== '')) assert.match(line, /^(?: {2}kvm-faultlab | {6}\S)/);
        const codes = /^Exit codes: (.*)\.$/m.exec(help)?.[1].split(', ') ?? [];
        assert.match(codes[0] ?? '', /^0 \S/);
        assert(codes.some((code) => /^2 \S/.test(code)), 'nothing is said of wrong use');
      });

      it('uses only options in its examples that it has', () => {
        const known = new Set([...command.options, ...(command.parent?.options ?? [])].map(({ long }) => long));
        const examples = helpOf(command).split('\n').filter((line) => line.startsWith(`  ${name}`));
        for (const used of examples.flatMap((line) => line.match(/--[a-z-]+/g) ?? [])) assert(known.has(used), used);
      });

      it('shows the options of whoever started it', () => {
        assert.match(helpOf(command), /Global Options:[^]*--elsewhere +somewhere else/);
      });

      it('declares what it does with each file it takes', () => {
        for (const option of command.options) {
          if (/[<[](?:file|path|dir|directory)/.test(option.flags)) assert(option instanceof FileOption, `${option.flags} is no FileOption`);
        }
        for (const argument of command.registeredArguments) {
          if (/file|report|path|dir/.test(argument.name())) assert(argument instanceof FileArgument, `${argument.name()} is no FileArgument`);
        }
      });

      it('has its row and its exit codes in docs/CLI.md', () => {
        assert(documentation.includes(`| \`${command.name()}\` |`), 'no row in the table of commands');
        const codes = /^Exit codes: (.*)\.$/m.exec(helpOf(command))?.[1].match(/(?<=^|, )\d+(?= )/g) ?? [];
        for (const code of codes) assert(documentation.includes(`\n| ${code} | `), `exit code ${code}`);
      });
    });
  }
});

describe('the files of a command line', () => {
  it('are those that options and arguments name, with their use; - is none', async () => {
    assert.deepEqual(await readCommandLine(['bench', '--image', 'a.img', '--json', '/tmp/report.json', '--guest=b.elf']), {
      ended: false,
      files: [
        { path: 'a.img', use: 'input' },
        { path: '/tmp/report.json', use: 'output' },
        { path: 'b.elf', use: 'input' },
      ],
    });
    assert.deepEqual(await readCommandLine(['bench', '--json', '-']), { ended: false, files: [] });
    assert.deepEqual(await readCommandLine(['compare', 'a', 'b', 'c']), { ended: false, files: ['a', 'b', 'c'].map((path) => ({ path, use: 'input' })) });
  });

  it('are not asked for before the line is parsed', () => {
    const program = createProgram(() => undefined);
    assert.deepEqual(namedFiles(program), []);
  });
});

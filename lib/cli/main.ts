/** The command line: `kvm-faultlab COMMAND`. */
import { CommanderError, type Command } from 'commander';
import { describeError } from '../errors/index.js';
import { ExitCode, exitCodeOf } from './exit-codes.js';
import { namedFiles, requireWritable, type NamedFile } from './files.js';
import { createProgram, type LauncherOption } from './program.js';

export type { NamedFile } from './files.js';
export type { LauncherOption } from './program.js';

/** What {@link main} and {@link readCommandLine} may be told. */
export interface CommandLineOptions {
  /** Options that the caller took out of the command line itself: every command's help shows them. */
  readonly launcherOptions?: readonly LauncherOption[];
}

/**
 * Runs one command line.
 * @param args - without the interpreter and the script
 * @returns the exit code; never throws
 */
export async function main(args: readonly string[], { launcherOptions = [] }: CommandLineOptions = {}): Promise<number> {
  let exitCode: number = ExitCode.OK;
  const program = createProgram((code) => {
    exitCode = code;
  }, launcherOptions);
  return (await parse(program, args)) ?? exitCode;
}

/** A command line that was read and not run: the files it names, or how it ended at once (help, version, wrong use). */
export type CommandLine = { readonly ended: false; readonly files: readonly NamedFile[] } | { readonly ended: true; readonly exitCode: number };

/**
 * Reads a command line for someone who runs it elsewhere. Help and refusals are printed as {@link main} prints them; a file that could not be
 * written here afterwards is one.
 * @param args - without the interpreter and the script
 * @returns never throws
 */
export async function readCommandLine(args: readonly string[], { launcherOptions = [] }: CommandLineOptions = {}): Promise<CommandLine> {
  let files: readonly NamedFile[] = [];
  const program = createProgram(() => undefined, launcherOptions);
  for (const command of leaves(program)) {
    command.action(() => {
      files = namedFiles(command);
      for (const { path } of files.filter(({ use }) => use === 'output')) requireWritable(path);
    });
  }
  const exitCode = await parse(program, args);
  return exitCode === null ? { ended: false, files } : { ended: true, exitCode };
}

/** Commands that have no commands below them: those that do something. */
function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

/** Parses, and runs what was parsed. Null when that came to its end; an exit code when it did not. */
async function parse(program: Command, args: readonly string[]): Promise<number | null> {
  try {
    await program.parseAsync(args, { from: 'user' });
    return null;
  } catch (error) {
    // Commander has printed its own message by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
    process.stderr.write(`${describeError(error)}\n`);
    return exitCodeOf(error);
  }
}

/** The command line: `kvm-faultlab COMMAND`. */
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../bench/index.js';
import { describe } from '../errors/index.js';
import { benchCommand } from './bench-command.js';
import { runDoctor } from './doctor/index.js';
import { ExitCode, exitCodeOf } from './exit-codes.js';

/**
 * Runs one command line.
 * @param args - without the interpreter and the script
 * @returns the exit code; never throws
 */
export async function main(args: readonly string[]): Promise<number> {
  let exitCode: number = ExitCode.OK;
  const setExitCode = (code: number): void => {
    exitCode = code;
  };
  const program = new Command('kvm-faultlab')
    .description("A fault laboratory for KVM: makes a guest's memory disappear in every way a host can, and measures what each way of telling the guest costs.")
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError('(--help shows how it is used)');
  program.addCommand(inherit(benchCommand(setExitCode), program));
  program.addCommand(
    inherit(
      new Command('doctor')
        .description('say, line by line, what this host offers, which modes work here, and what to do where something is missing')
        .option('--json', 'print JSON')
        .action(async (flags: { json?: boolean }) => {
          setExitCode(await runDoctor({ json: flags.json === true }));
        }),
      program,
    ),
  );
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has printed its own message by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
    process.stderr.write(`${describe(error)}\n`);
    return exitCodeOf(error);
  }
}

function inherit(command: Command, program: Command): Command {
  return command.copyInheritedSettings(program);
}

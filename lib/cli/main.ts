/** The command line: `kvm-faultlab COMMAND`. */
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../bench/index.js';
import { describeError } from '../errors/index.js';
import { benchCommand } from './bench-command.js';
import { runDoctor } from './doctor/index.js';
import { ExitCode, exitCodeOf } from './exit-codes.js';

const DOCTOR_EXAMPLES = `
Examples:
  kvm-faultlab doctor
      a line for each thing a delivery mode needs, and what to do where it is missing
  kvm-faultlab doctor --json
      the same for a program

Exit codes: 0 every mode works here, 1 one cannot.
`;

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
    .description("Runs a tiny guest on /dev/kvm whose memory is not there yet, pages it in through every delivery mode KVM has or could have, and measures what each costs the guest.")
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError('(--help shows how it is used)');
  program.addCommand(inherit(benchCommand(setExitCode), program));
  program.addCommand(
    inherit(
      new Command('doctor')
        .description('say, line by line, what this host offers, which modes work here, and what to do where something is missing')
        .option('--json', 'print JSON')
        .addHelpText('after', DOCTOR_EXAMPLES)
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
    process.stderr.write(`${describeError(error)}\n`);
    return exitCodeOf(error);
  }
}

function inherit(command: Command, program: Command): Command {
  return command.copyInheritedSettings(program);
}

/** `kvm-faultlab doctor`: what this host offers. */
import { Command } from 'commander';
import { runDoctor } from './doctor/index.js';

const EXAMPLES = `
Examples:
  kvm-faultlab doctor
      a line for each thing a delivery mode needs, and what to do where it is missing
  kvm-faultlab doctor --json
      the same for a program

Exit codes: 0 every mode works here, 1 one cannot, 2 wrong use.
`;

/** Builds the command. `setExitCode` receives what the process should end with. */
export function doctorCommand(setExitCode: (code: number) => void): Command {
  return new Command('doctor')
    .description('say, line by line, what this host offers, which modes work here, and what to do where something is missing')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .action(async (flags: { json?: boolean }) => {
      setExitCode(await runDoctor({ json: flags.json === true }));
    });
}

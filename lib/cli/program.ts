/** The commands and what they have in common. */
import { Command } from 'commander';
import { packageVersion } from '../bench/index.js';
import { benchCommand } from './bench-command.js';
import { compareCommand } from './compare-command.js';
import { conformCommand } from './conform-command.js';
import { doctorCommand } from './doctor-command.js';
import { experimentCommand } from './experiment-command.js';
import { paperCommand } from './paper-command.js';
import { reportCommand } from './report-command.js';
import { speedCommand } from './speed-command.js';
import { traceCommand } from './trace-command.js';

/** An option that whoever starts the command line handles itself, such as `--lab`: shown by every command's help. */
export interface LauncherOption {
  readonly flags: string;
  readonly description: string;
}

/**
 * Builds the command line.
 * @param setExitCode - receives what the process should end with
 * @param launcherOptions - for the help
 */
export function createProgram(setExitCode: (code: number) => void, launcherOptions: readonly LauncherOption[] = []): Command {
  const program = new Command('kvm-faultlab')
    .description("Runs a tiny guest on /dev/kvm whose memory is not there yet, pages it in through every delivery mode KVM has or could have, and measures what each costs the guest.")
    .version(packageVersion())
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(--help shows how it is used)');
  for (const { flags, description } of launcherOptions) program.option(flags, description);
  for (const build of [benchCommand, compareCommand, conformCommand, doctorCommand, experimentCommand, paperCommand, reportCommand, speedCommand, traceCommand]) program.addCommand(build(setExitCode).copyInheritedSettings(program));
  return program;
}

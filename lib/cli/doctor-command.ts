/** `kvm-faultlab doctor`: what this host offers, and in what hosts differ. */
import { Command } from 'commander';
import { FaultLabError } from '../errors/index.js';
import { runComparison, runDoctor } from './doctor/index.js';
import { ExitCode } from './exit-codes.js';
import { FileOption } from './files.js';
import type { CapabilityNumbers } from '../kvm/index.js';
import { capabilityOption } from './uapi-options.js';

interface Flags {
  readonly json?: boolean;
  readonly facts?: boolean;
  /** True where the option is there without a file. */
  readonly compare?: readonly string[] | true;
  readonly here: boolean;
  readonly all?: boolean;
  readonly markdown?: boolean;
  readonly cap?: CapabilityNumbers;
}

const EXAMPLES = `
Examples:
  kvm-faultlab doctor
      a line for each thing a delivery mode needs, and what to do where it is missing
  kvm-faultlab doctor --facts
      and what small guests find out about this KVM: what CPL3 may do, how a fault reaches the VMM, what can be injected
  kvm-faultlab doctor --cap userfault=243
      on a kernel with patches whose linux/kvm.h numbers KVM_CAP_USERFAULT so
  kvm-faultlab doctor --json > here.json
      both for a program, and for --compare on another host
  kvm-faultlab doctor --compare there.json
      this host and another one: the facts in which they differ
  kvm-faultlab doctor --compare a.json b.json --no-here --all --markdown
      two other hosts, every fact, for a document

Exit codes: 0 every mode works here (with --compare: compared), 1 a mode cannot work here, 2 wrong use: no report, another format.
`;

/** Builds the command. `setExitCode` receives what the process should end with. */
export function doctorCommand(setExitCode: (code: number) => void): Command {
  return new Command('doctor')
    .description('say, line by line, what this host offers, which modes work here, and what to do where something is missing')
    .option('--json', 'print JSON')
    .option('--facts', 'make experiments as well, and print what they show (JSON always has it)')
    .addOption(new FileOption('--compare [files...]', 'set the facts of this host and of reports that doctor --json wrote side by side', 'input'))
    .addOption(capabilityOption())
    .option('--no-here', 'compare without this host')
    .option('--all', 'compare: facts in which the hosts agree, too')
    .option('--markdown', 'compare: print a table for a document')
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .action(async (flags: Flags) => {
      setExitCode(await run(flags));
    });
}

async function run({ json = false, facts = false, compare, here, all = false, markdown = false, cap = {} }: Flags): Promise<number> {
  if (compare === undefined) {
    if (!here || all || markdown) throw new FaultLabError('BAD_OPTION', '--no-here, --all and --markdown go with --compare');
    return runDoctor({ json, facts, numbers: cap });
  }
  if (json && markdown) throw new FaultLabError('BAD_OPTION', '--json and --markdown exclude each other');
  await runComparison({ files: compare === true ? [] : compare, here, all, format: json ? 'json' : markdown ? 'markdown' : 'text' });
  return ExitCode.OK;
}

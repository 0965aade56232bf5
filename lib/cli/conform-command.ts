/** `kvm-faultlab conform`: holds a kernel, or a model, to a proposal, rule by rule. */
import { Command, Option } from 'commander';
import { TARGET_CHOICES, chooseTarget, conformReport, ktapHeader, ktapResult, loadProfile, planCases, runCase, type CaseResult, type PlannedCase, type TargetChoice } from '../conform/index.js';
import { FaultLabError } from '../errors/index.js';
import { Kvm, describeHost, readHost, type CapabilityNumbers } from '../kvm/index.js';
import type { UapiName, UapiProfile } from '../uapi/proposals/index.js';
import { ExitCode } from './exit-codes.js';
import { FileOption, STANDARD_STREAM, requireWritable } from './files.js';
import { capabilityOption, profileWith, uapiOption } from './uapi-options.js';
import { Progress, progressKind, quietOption } from './progress.js';
import { saveReport } from './save.js';

interface Flags {
  readonly uapi: UapiName;
  readonly cap?: CapabilityNumbers;
  readonly target: TargetChoice;
  readonly only?: readonly string[];
  readonly list?: boolean;
  readonly json?: string;
  readonly quiet?: boolean;
}

const EXAMPLES = `
Each rule of a proposal is one case: a small guest, real exits, and what user space and the guest must see. The kernel itself is tried where it has the
proposal; elsewhere a model of it is, with the same cases. Results are KTAP; a failed case says what was done, expected and found.

Examples:
  kvm-faultlab conform --uapi userfault --list
      what the proposal promises, rule by rule
  kvm-faultlab conform --uapi userfault --target native --cap userfault=243
      a patched kernel whose linux/kvm.h gives KVM_CAP_USERFAULT another number
  kvm-faultlab conform --uapi async-pf-userfault-2026 --only u26-15,u26-16
      two rules
  kvm-faultlab conform --uapi stock
      the async page faults that every kernel has, on this kernel
  kvm-faultlab conform --uapi sync-async-2bit --json - | jq .counts
      for a program

docs/CONFORMANCE.md says how to run it on a patched kernel, and how a case is added.

Exit codes: 0 no case failed, 1 a case failed, 2 wrong use, 3 this host cannot (no /dev/kvm; --target native and the kernel does not have it).
`;

/** Builds the command. `setExitCode` receives what the process should end with. */
export function conformCommand(setExitCode: (code: number) => void): Command {
  return new Command('conform')
    .description('hold this kernel, or a model where it lacks the proposal, to every rule of a proposal; prints KTAP')
    .addOption(uapiOption().makeOptionMandatory())
    .addOption(capabilityOption())
    .addOption(new Option('--target <target>', 'native: the kernel itself; emulated: a model; auto: native where the kernel has the proposal').choices(TARGET_CHOICES).default('auto'))
    .option('--only <ids>', 'rules to try, separated by commas', parseIds)
    .option('--list', 'print the rules, and try none')
    .addOption(new FileOption('--json <file>', "write the results as JSON to a file, or to standard output (in place of KTAP) with '-'", 'output'))
    .addOption(quietOption())
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .action(async (flags: Flags) => {
      setExitCode(await run(flags));
    });
}

function parseIds(text: string): string[] {
  const ids = text.split(',').map((id) => id.trim());
  if (ids.some((id) => id === '')) throw new FaultLabError('BAD_OPTION', `--only takes ids of rules separated by commas, not '${text}'`, { hint: 'as in --only uf-02,uf-07' });
  return ids;
}

async function run({ uapi, cap, target: choice, only, list = false, json, quiet = false }: Flags): Promise<number> {
  const profile = profileWith(uapi, cap);
  const plan = planCases(profile, only);
  if (list) {
    print(plan.map(({ rule }) => `${rule.id}  ${rule.sentence}${rule.unseenBecause === undefined ? '' : ` (not tried: ${rule.unseenBecause})`}`));
    return ExitCode.OK;
  }
  if (json !== undefined && json !== STANDARD_STREAM) requireWritable(json);
  const kvm = Kvm.open();
  try {
    const results = await tryAll(kvm, profile, plan, choice, json, new Progress(progressKind(quiet)));
    return results.some(({ outcome }) => outcome === 'not ok') ? ExitCode.VERDICT : ExitCode.OK;
  } finally {
    kvm.close();
  }
}

async function tryAll(kvm: Kvm, profile: UapiProfile, plan: readonly PlannedCase[], choice: TargetChoice, json: string | undefined, progress: Progress): Promise<readonly CaseResult[]> {
  const chosen = chooseTarget(kvm, loadProfile(profile.name, profile), choice);
  const { target, why } = chosen;
  const host = readHost();
  const ktap = json !== STANDARD_STREAM;
  if (ktap) print(ktapHeader([`kvm-faultlab conform --uapi ${profile.name}`, describeHost(host), `target: ${target.kind} (${why})`], plan.length));
  const results: CaseResult[] = [];
  try {
    for (const planned of plan) {
      progress.show(`${planned.rule.id}, rule ${results.length + 1} of ${plan.length}`, results.length / plan.length);
      const result = await runCase(planned, target, profile);
      progress.clear();
      results.push(result);
      if (ktap) print(ktapResult(results.length, result));
    }
  } finally {
    progress.clear();
    await target.close();
  }
  const report = conformReport(profile, chosen, host, results);
  const { ok, notOk, skip } = report.counts;
  if (ktap) print([`# Totals: pass:${ok} fail:${notOk} xfail:0 xpass:0 skip:${skip} error:0`]);
  if (json !== undefined) emit(`${JSON.stringify(report, undefined, 2)}\n`, json);
  return results;
}

function emit(text: string, json: string): void {
  if (json === STANDARD_STREAM) {
    process.stdout.write(text);
    return;
  }
  saveReport(json, text);
}

function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

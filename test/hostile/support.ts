/** Builds hostile guests and runs them: what a run of one came to. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FaultLabError, Machine, type DeliveryMode, type MachineOptions, type MachineResult, type PageSourceModule } from '../../lib/index.js';
import { ALL_MODES, ASYNC_PROPOSAL_MODES, assertNothingLeft, holdings } from '../machine/support.js';
import { patience } from '../support/slowness.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SOURCES = join(ROOT, 'test/hostile/guests');

/** A directory for guests; the caller removes it. */
export function makeGuestFolder(): string {
  return mkdtempSync(join(tmpdir(), 'hostile-'));
}

/**
 * Assembles a guest.
 * @param folder - from {@link makeGuestFolder}
 * @param source - `misbehave` for guests/misbehave.S
 * @param defines - preprocessor definitions
 * @returns path of the ELF file
 */
export function buildGuest(folder: string, source: string, defines: Readonly<Record<string, string | number>> = {}): string {
  const definitions = Object.entries(defines).map(([name, value]) => `-D${name}=${value}`);
  const name = [source, ...Object.values(defines)].join('-').toLowerCase();
  const include = ['-I', join(ROOT, 'guest/include'), '-I', SOURCES];
  const script = join(folder, 'hostile.ld');
  const elf = join(folder, `${name}.elf`);
  const gcc = (...args: string[]): void => {
    execFileSync('gcc', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  };
  gcc('-E', '-P', '-x', 'c', '-D__ASSEMBLER__', ...include, '-include', 'abi.h', join(SOURCES, 'hostile.ld'), '-o', script);
  gcc('-nostdlib', '-static', '-no-pie', ...include, ...definitions, '-Wl,--build-id=none', '-Wl,-z,max-page-size=4096', `-Wl,-T,${script}`, join(SOURCES, `${source}.S`), '-o', elf);
  return elf;
}

/** Names the source of `ud2` pages. */
export function codeSource(): PageSourceModule {
  return { module: new URL('./sources/code.js', import.meta.url).href, options: null };
}

/** What a run came to: a result, or the one error that ended it. */
export type Outcome = { readonly result: MachineResult; readonly error: null } | { readonly result: null; readonly error: FaultLabError };

/** Options of a machine for a hostile guest. */
export function hostileMachine(mode: DeliveryMode, guestPath: string, changes: Partial<MachineOptions> = {}): MachineOptions {
  return { mode, guestPath, windowPages: 300, source: codeSource(), stallNs: patience(1e9), ...changes };
}

/**
 * Runs a guest to whatever end.
 * @param meanwhile - told when the guest runs
 * @throws what ended the run, when it is no coded error
 */
export async function outcomeOf(options: MachineOptions, meanwhile: (machine: Machine) => void = () => undefined): Promise<Outcome> {
  let machine: Machine | null = null;
  try {
    machine = await Machine.create(options);
    const running = machine.run();
    meanwhile(machine);
    return { result: await running, error: null };
  } catch (error) {
    if (!(error instanceof FaultLabError)) throw error;
    return { result: null, error };
  } finally {
    await machine?.close();
  }
}

/**
 * Runs a guest in every mode at once, to whatever ends, and makes sure that nothing is left.
 * @throws AssertionError when something is left; what ended a run, when it is no coded error
 */
export async function outcomesInAllModes(
  guestPath: string,
  changes: Partial<MachineOptions> = {},
  meanwhile?: (machine: Machine) => void,
): Promise<ReadonlyMap<DeliveryMode, Outcome>> {
  const before = holdings();
  const outcomes = await Promise.all(
    ALL_MODES.map(async (mode) => [mode, await outcomeOf(hostileMachine(mode, guestPath, changes), meanwhile)] as const),
  );
  await assertNothingLeft(before);
  return new Map(outcomes);
}

/**
 * As {@link outcomesInAllModes} for the modes of proposals that tell the guest of faults, by title.
 * @throws as it does
 */
export async function outcomesInProposals(guestPath: string, changes: Partial<MachineOptions> = {}, meanwhile?: (machine: Machine) => void): Promise<ReadonlyMap<string, Outcome>> {
  const before = holdings();
  const outcomes = await Promise.all(
    ASYNC_PROPOSAL_MODES.map(async ({ uapi, mode, title }) => [title, await outcomeOf(hostileMachine(mode, guestPath, { ...changes, uapi }), meanwhile)] as const),
  );
  await assertNothingLeft(before);
  return new Map(outcomes);
}

/** One word or code for an outcome. */
export function endOf(outcome: Outcome): string {
  return outcome.error === null ? outcome.result.end : outcome.error.code;
}

/** A case of the suite, what it is given, and how it says that something is not as it must be. */
import { errnoName } from '../errors/index.js';
import type { UapiName } from '../uapi/proposals/index.js';
import { describeStop, type GuestStop } from './guest/index.js';
import type { ConformanceTarget, ConformanceVm, Need, VmOptions } from './vm.js';

/** What one rule of a profile comes to, tried. */
export interface ConformanceCase {
  /** Id of the rule. */
  readonly rule: string;
  /** What the case needs and not every host has; where it lacks one, the case is skipped with the reason. */
  readonly needs?: readonly Need[];
  /** Tries it; returns when all is as it must be. */
  readonly run: (context: CaseContext) => void | Promise<void>;
}

/** Cases in order. Throws RangeError for a rule that has two. */
export function caseList(cases: readonly ConformanceCase[]): readonly ConformanceCase[] {
  const twice = cases.find(({ rule }, index) => cases.findIndex((other) => other.rule === rule) !== index);
  if (twice !== undefined) throw new RangeError(`rule ${twice.rule} has two cases`);
  return cases;
}

/** Something is not as the rule says. */
export class CaseFailure extends Error {
  override readonly name = 'CaseFailure';

  /** @param diagnostics - what was done, expected and found, a line each */
  constructor(readonly diagnostics: readonly string[]) {
    super(diagnostics.join('; '));
  }
}

/** The case cannot be tried here. */
export class CaseSkip extends Error {
  override readonly name = 'CaseSkip';
}

/** A part of a stop: what a case says must be. */
export type ExpectedStop = { [Kind in GuestStop['kind']]: { readonly kind: Kind } & Partial<Extract<GuestStop, { kind: Kind }>> }[GuestStop['kind']];

/** What a case is given. VMs that it makes are closed after it. */
export class CaseContext {
  private readonly vms: ConformanceVm[] = [];
  private readonly log: string[] = [];

  constructor(
    private readonly target: ConformanceTarget,
    readonly profile: UapiName,
  ) {}

  /** A new VM. */
  vm(options?: VmOptions): ConformanceVm {
    const vm = this.target.createVm(options);
    this.vms.push(vm);
    return vm;
  }

  /** Says what is being done: the lines that a failure shows. */
  note(doing: string): void {
    this.log.push(doing);
  }

  /** Leaves the case as one that cannot be tried here. */
  skip(reason: string): never {
    throw new CaseSkip(reason);
  }

  /** Why this target and host lack something; undefined where they have it. */
  lacks(need: Need): string | undefined {
    return this.target.lacks(need);
  }

  /** A vCPU stopped as it must; returns the stop. */
  expect<Kind extends GuestStop['kind']>(what: string, stop: GuestStop, expected: { readonly kind: Kind } & Partial<Extract<GuestStop, { kind: Kind }>>): Extract<GuestStop, { kind: Kind }> {
    const wrong = Object.entries(expected).filter(([field, value]) => (stop as unknown as Record<string, unknown>)[field] !== value);
    if (wrong.length > 0) this.fail(what, wrong.map(([field, value]) => `${field} ${show(value)}`).join(', '), describeStop(stop));
    return stop as Extract<GuestStop, { kind: Kind }>;
  }

  /** A call came to 0 or an errno, as it must. */
  errno(what: string, actual: number | 'sleeps', expected: number): void {
    if (actual !== expected) this.fail(what, errnoTitle(expected), typeof actual === 'number' ? errnoTitle(actual) : 'the call sleeps');
  }

  /** Two values are equal, as they must be. */
  equal<T extends number | bigint | string | boolean | undefined>(what: string, actual: T, expected: NoInfer<T>): void {
    if (actual !== expected) this.fail(what, show(expected), show(actual));
  }

  /** Waits until something is so, a second at most: for what KVM does on a thread of its own. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const deadline = performance.now() + UNTIL_MS;
    while (!condition()) {
      if (performance.now() >= deadline) this.fail(what, 'it comes to be', 'it does not');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Not as it must be. */
  fail(what: string, expected: string, found: string): never {
    throw new CaseFailure([...this.log, what, `expected: ${expected}`, `found: ${found}`]);
  }

  /** Closes what the case made. */
  close(): void {
    for (const vm of this.vms) vm.close();
  }
}

const UNTIL_MS = 1000;

function errnoTitle(errno: number): string {
  return errno === 0 ? '0' : errnoName(errno);
}

function show(value: unknown): string {
  return typeof value === 'number' && value > 9 ? `0x${value.toString(16)}` : String(value);
}

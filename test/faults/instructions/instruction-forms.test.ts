import { strict as assert } from 'node:assert';
import { release } from 'node:os';
import { readFileSync } from 'node:fs';
import { FaultLocator } from '../../../lib/faults/index.js';
import { SyncedRegisters } from '../../../lib/machine/synced-registers.js';
import { noteKvmUse } from '../../support/kvm-use.js';
import { requireKvm } from '../../support/kvm-available.js';
import { skip } from '../../support/skip.js';
import { hiddenFeatures } from './features.js';
import { FORM_GROUPS, FormGuest, WINDOW_PAGES, assembleForms, type AssembledForms, type FinalState, type Form, type Stop } from './index.js';

/** Every page of a form stops it once at the most, and the emulator takes vectors in a few pieces. */
const MOST_STOPS = 4 * WINDOW_PAGES;

for (const cpl of [3, 0] as const) {
  describe(`an instruction at CPL${cpl} that misses pages: the locator and the exit name the page that is missing, and the guest gets on`, function () {
    let guest: FormGuest | null = null;
    let assembled: AssembledForms;
    /** KVM's emulator executes CPL0, as on a PVM host. */
    let emulated: boolean;
    let named: boolean;

    before(function () {
      requireKvm(this);
      assembled = assembleForms(FORM_GROUPS.flatMap(({ forms }) => forms));
      const [plainLoad] = FORM_GROUPS[0].forms;
      const stop = withGuest((at) => start(at, plainLoad, true));
      emulated = stop.kind === 'mmio';
      named = stop.kind === 'fault' && stop.named !== null;
      renew();
    });
    after(() => guest?.close());

    function withGuest<T>(body: (guest: FormGuest) => T): T {
      guest ??= new FormGuest(cpl);
      try {
        return body(guest);
      } catch (error) {
        renew();
        throw error;
      }
    }
    /** After an exception, or where nobody knows what state the guest is in. */
    function renew(): void {
      guest?.close();
      guest = null;
    }
    function start(at: FormGuest, form: Form, missing: boolean): Stop {
      const code = assembled.code.get(form);
      assert(code !== undefined);
      at.load(form, code, assembled.ending, missing);
      return at.run();
    }

    it("a kernel with the lab's patch names the page", function () {
      if (!release().includes('-faultlab')) skip(this, "this kernel does not have the lab's patch", { hostCannot: true });
      assert(named);
    });

    for (const group of FORM_GROUPS.filter(({ cpls }) => cpls.includes(cpl))) {
      for (const form of group.forms) {
        it(`${group.kind}: ${form.title}`, function () {
          if (group.needsNestedPaging === true && !hasNestedPaging()) skip(this, "this KVM reads the guest's tables itself, and the CPU none of them", { hostCannot: true });
          const expected = withGuest((at) => unhindered(this, at, form));
          withGuest((at) => {
            hindered(at, form, expected);
          });
          noteKvmUse();
        });
      }
    }

    /** The form with all pages present: what it comes to. Skips what this host cannot execute. */
    function unhindered(context: Mocha.Context, at: FormGuest, form: Form): FinalState | null {
      const end = start(at, form, false);
      if (end.kind === 'exception' && form.raises === true) {
        renew();
        return null;
      }
      if (emulated && (end.kind === 'unemulated' || (end.kind === 'exception' && form.needs !== undefined))) skip(context, 'KVM emulates CPL0 here, and this instruction not', { hostCannot: true });
      const hidden = hiddenFeatures(at.vcpu.getCpuid(), form.needs ?? []);
      if (end.kind === 'exception' && hidden.length > 0) skip(context, `this KVM has no ${hidden.join(', ')} for a guest`, { hostCannot: true });
      assert.equal(end.kind, 'end', 'with all pages present');
      assert(form.raises === undefined);
      return at.finalState();
    }

    /** The form with its pages missing: brings what is found, and nothing else, until it has come to the same end. */
    function hindered(at: FormGuest, form: Form, expected: FinalState | null): void {
      const truth = new PagesToCome(form);
      const locator = new FaultLocator(new SyncedRegisters(at.vcpu), at.reader);
      let stop = start(at, form, true);
      for (let stops = 0; stop.kind === 'fault' || stop.kind === 'mmio'; stops++) {
        assert(stops < MOST_STOPS, `stopped ${stops} times`);
        if (stop.kind === 'fault' && form.onlyNamed === true && !named) {
          assert.deepEqual(locate(at, locator), []);
          renew();
          return;
        }
        if (stop.kind === 'mmio') answer(at, stop, truth);
        else explain(at, stop.named, form.onlyNamed === true ? [stop.named ?? -1] : locate(at, locator), truth);
        stop = at.run();
      }
      if (emulated && form.notEmulated === true) {
        assert.equal(stop.kind, 'unemulated');
        renew();
        return;
      }
      truth.assertAllCame();
      if (expected === null) {
        assert.equal(stop.kind, 'exception');
        renew();
        return;
      }
      assert.equal(stop.kind, 'end');
      assertSame(at.finalState(), expected);
    }

    function explain(at: FormGuest, page: number | null, located: readonly number[], truth: PagesToCome): void {
      truth.assertLocated(located);
      assert.equal(page !== null, named, 'a kernel names the page of each fault or of none');
      if (page === null) {
        for (const each of located) bring(at, each, truth);
        return;
      }
      assert(located.includes(page), `KVM named page ${page}, the locator ${located.join(', ')}`);
      bring(at, page, truth);
    }

    function answer(at: FormGuest, stop: Extract<Stop, { kind: 'mmio' }>, truth: PagesToCome): void {
      assert(emulated, 'MMIO although the CPU executes this level itself');
      const page = at.reader.windowPage(stop.gpa);
      assert(truth.mayBeTouched(page), `the emulator accessed page ${page}`);
      if (at.bitmap.test(page)) bring(at, page, truth);
      at.answerMmio(stop);
    }
  });
}

/** The pages that a form stops for, as they come. */
class PagesToCome {
  private readonly come = new Set<number>();
  private readonly optional: ReadonlySet<number>;

  constructor(private readonly form: Form) {
    this.optional = new Set(form.optional);
  }

  /** Asserts that `located` are the pages that the form is stopped for now: all of them, and none besides but optional ones. */
  assertLocated(located: readonly number[]): void {
    const needed = this.form.stops.map((pages) => this.needed(pages)).find((pages) => pages.length > 0) ?? [];
    assert.deepEqual(located.filter((page) => !this.optional.has(page)), needed);
    assert(located.length > 0, 'stopped for nothing');
  }

  mayBeTouched(page: number): boolean {
    return this.optional.has(page) || this.form.stops.some((pages) => pages.includes(page));
  }

  note(page: number): void {
    this.come.add(page);
  }

  assertAllCame(): void {
    assert.deepEqual(this.form.stops.flatMap((pages) => this.needed(pages)), [], 'these were never asked for');
  }

  private needed(pages: readonly number[]): number[] {
    return pages.filter((page) => !this.come.has(page) && !this.optional.has(page));
  }
}

/** Missing pages of the window that the locator names, in order. */
function locate(at: FormGuest, locator: FaultLocator): number[] {
  const pages = [...locator.candidates.subarray(0, locator.locate())].map((gpa) => at.reader.windowPage(gpa));
  return pages.filter((page) => page >= 0 && at.bitmap.test(page)).sort((a, b) => a - b);
}

function bring(at: FormGuest, page: number, truth: PagesToCome): void {
  at.bring(page);
  truth.note(page);
}

function assertSame(actual: FinalState, expected: FinalState): void {
  for (const part of ['registers', 'vectors', 'window'] as const) {
    const different = actual[part].findIndex((byte, at) => byte !== expected[part][at]);
    assert.equal(different, -1, `the ${part} differ from those of a run with all pages present, from byte ${different} on`);
  }
}

/** EPT or NPT: a page table that is missing is missing for the CPU. */
function hasNestedPaging(): boolean {
  return ['kvm_intel/parameters/ept', 'kvm_amd/parameters/npt'].some((name) => {
    try {
      return /^[Y1]/.test(readFileSync(`/sys/module/${name}`, 'utf8'));
    } catch {
      return false;
    }
  });
}


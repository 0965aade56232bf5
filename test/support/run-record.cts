/**
 * What a test run notes beside mocha's own results: why tests were skipped, and which used the real KVM. CommonJS, because mocha
 * requires its reporter, and one module so that hooks, helpers and reporter share one state.
 */

/** Why something was skipped. */
interface SkipRecord {
  readonly reason: string;
  /** True when no change to this checkout could make the test run on this host. */
  readonly hostCannot: boolean;
}

const skips = new WeakMap<object, SkipRecord>();
let kvmUses = 0;
let testsOnKvm = 0;
const filesOnKvm = new Set<string>();

const runRecord = {
  /** Notes why `what` (a mocha test or suite) is skipped. */
  noteSkip(what: object, record: SkipRecord): void {
    skips.set(what, record);
  },

  /** The record of a test or of the nearest suite around it; undefined when it was skipped without one (`it.skip`, `this.skip()`). */
  skipOf(what: { readonly parent?: object | undefined }): SkipRecord | undefined {
    for (let at: { readonly parent?: object | undefined } | undefined = what; at !== undefined; at = at.parent) {
      const record = skips.get(at);
      if (record !== undefined) return record;
    }
    return undefined;
  },

  /** One use of the real /dev/kvm, since the last test ended. */
  noteKvmUse(): void {
    kvmUses += 1;
  },

  /** Ends a test of a file: it counts when it passed and the real KVM was used since the last one ended. */
  endTest(passed: boolean, file: string | undefined): void {
    if (passed && kvmUses > 0) {
      testsOnKvm += 1;
      if (file !== undefined) filesOnKvm.add(file);
    }
    kvmUses = 0;
  },

  /** Paths of the files with such tests. */
  filesOnKvm(): readonly string[] {
    return [...filesOnKvm].sort();
  },

  /** Tests that passed and used the real KVM. */
  testsOnKvm(): number {
    return testsOnKvm;
  },
};

// eslint-disable-next-line @typescript-eslint/no-namespace -- the one way to export types beside a CommonJS value
namespace runRecord {
  /** How one test ended. */
  export interface TestVerdict {
    /** Below dist/test. */
    readonly file: string;
    /** With the titles of its suites. */
    readonly title: string;
    readonly verdict: 'passed' | 'failed' | 'skipped';
    readonly durationMs: number;
    /** Of a skip or a failure. */
    readonly reason?: string;
    /** Of a skip: this host can never run it. */
    readonly hostCannot?: boolean;
  }

  /** A whole run, as KVM_FAULTLAB_TEST_RECORD has it. */
  export interface RunRecord {
    readonly recordVersion: 1;
    readonly passed: number;
    readonly failed: number;
    readonly skipped: number;
    readonly onKvm: number;
    /** Files with tests that passed and used the real KVM, below dist/test. */
    readonly kvmFiles: readonly string[];
    readonly tests: readonly TestVerdict[];
  }
}

export = runRecord;

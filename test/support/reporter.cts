/**
 * Mocha's spec reporter, and after it what decides whether a run proved anything: each skip with its reason, how many tests used the
 * real KVM, and the totals on a line of their own.
 */
import fs = require('node:fs');
import path = require('node:path');
import Mocha = require('mocha');
import runRecord = require('./run-record.cjs');

/** After this a run that has ended and does not let the process go is called a leak. */
const GRACE_MS = 20_000 * (Number(process.env['KVM_FAULTLAB_SLOWNESS']) || 1);

/** Titles shown for each reason; mocha has shown all of them above. */
const MOST_TITLES = 10;

const IN_CI = !['', '0', 'false'].includes(process.env['CI'] ?? '');

/** Ends a process that something left open keeps alive, and says what it is. */
function armLeakGuard(): void {
  setTimeout(() => {
    process.stderr.write(`The run is over, but the process lives on because of: ${process.getActiveResourcesInfo().join(', ')}\n`);
    // Mocha sets its own code in an exit handler; one added later has the last word.
    process.once('exit', () => (process.exitCode = 1));
    process.exit();
  }, GRACE_MS).unref();
}

/** Where to leave each test's verdict as JSON, for those who compare hosts; nowhere when unset. */
const RECORD_FILE = process.env['KVM_FAULTLAB_TEST_RECORD'] ?? '';
// Not for the test runs that tests start.
delete process.env['KVM_FAULTLAB_TEST_RECORD'];
const TEST_ROOT = path.join(__dirname, '..');

class Reporter extends Mocha.reporters.Spec {
  private readonly skipped: Mocha.Test[] = [];
  private readonly verdicts: runRecord.TestVerdict[] = [];
  /** Failures that are no test's own. */
  private extraFailures = 0;

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.on('pending', (test) => {
      this.skipped.push(test);
      this.note(test, 'skipped');
    });
    runner.on('pass', (test) => {
      this.note(test, 'passed');
    });
    runner.on('fail', (test, error: unknown) => {
      this.note(test, 'failed', error instanceof Error ? error.message : String(error));
    });
    runner.once('end', () => {
      this.summarise();
    });
  }

  /** Called by mocha instead of its own exit; `finish` takes the number of failures. */
  override done(failures: number, finish?: (failures: number) => void): void {
    armLeakGuard();
    finish?.(failures + this.extraFailures);
  }

  private note(test: Mocha.Test, verdict: runRecord.TestVerdict['verdict'], message = ''): void {
    const record = verdict === 'skipped' ? runRecord.skipOf(test) : undefined;
    const reason = record?.reason ?? message;
    this.verdicts.push({
      file: test.file === undefined ? '' : path.relative(TEST_ROOT, test.file),
      title: test.fullTitle(),
      verdict,
      durationMs: test.duration ?? 0,
      ...(reason === '' ? {} : { reason }),
      ...(record === undefined ? {} : { hostCannot: record.hostCannot }),
    });
  }

  private summarise(): void {
    const { stats } = this.runner;
    const condemned = this.printSkips();
    const onKvm = runRecord.testsOnKvm();
    const passes = stats?.passes ?? 0;
    process.stdout.write(`${String(onKvm)} of ${String(passes)} passed tests exercised the real /dev/kvm\n`);
    this.extraFailures = IN_CI ? condemned : 0;
    if (onKvm === 0) {
      process.stdout.write('*** This run exercised no KVM at all: it proves nothing about a kernel. ***\n');
      if (IN_CI) this.extraFailures += 1;
    }
    const failed = (stats?.failures ?? 0) + this.extraFailures;
    const skipped = this.skipped.length - (IN_CI ? condemned : 0);
    process.stdout.write(`${String(passes)} passed, ${String(failed)} failed, ${String(skipped)} skipped\n`);
    const record: runRecord.RunRecord = { recordVersion: 1, passed: passes, failed, skipped, onKvm, kvmFiles: runRecord.filesOnKvm().map((file) => path.relative(TEST_ROOT, file)), tests: this.verdicts };
    if (RECORD_FILE !== '') fs.writeFileSync(RECORD_FILE, JSON.stringify(record));
  }

  /** Prints the skips by their reason; returns how many of them a run in CI does not accept. */
  private printSkips(): number {
    const byReason = new Map<string, string[]>();
    let condemned = 0;
    for (const test of this.skipped) {
      const record = runRecord.skipOf(test);
      const verdict = record?.hostCannot === true ? 'this host cannot' : IN_CI ? 'NOT ACCEPTED IN CI' : 'would fail in CI';
      if (record?.hostCannot !== true) condemned += 1;
      const reason = `${record?.reason ?? 'no reason given'} [${verdict}]`;
      byReason.set(reason, [...(byReason.get(reason) ?? []), test.fullTitle()]);
    }
    if (this.skipped.length > 0) process.stdout.write(`*** ${String(this.skipped.length)} skipped ***\n`);
    for (const [reason, titles] of byReason) {
      process.stdout.write(`  ${reason}\n`);
      for (const title of titles.slice(0, MOST_TITLES)) process.stdout.write(`    - ${title}\n`);
      if (titles.length > MOST_TITLES) process.stdout.write(`    - and ${String(titles.length - MOST_TITLES)} more\n`);
    }
    return condemned;
  }
}

export = Reporter;

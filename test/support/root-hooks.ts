/** Mocha's root hooks: every test is given the time that this host needs, and asked whether it used the real KVM. */
import { watchKvmOpens } from './kvm-use.js';
import runRecord from './run-record.cjs';
import { patience } from './slowness.js';

watchKvmOpens();

/** Read by mocha (`--require`). */
export const mochaHooks: Mocha.RootHookObject = {
  beforeEach(this: Mocha.Context) {
    // A suite's hooks run before there is a test: they have the plain limit.
    this.currentTest?.timeout(patience(this.currentTest.timeout()));
  },
  afterEach(this: Mocha.Context) {
    runRecord.endTest(this.currentTest?.state === 'passed', this.currentTest?.file);
  },
};

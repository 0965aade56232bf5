/** Mocha's root hooks: every test is asked whether it used the real KVM. */
import { watchKvmOpens } from './kvm-use.js';
import runRecord from './run-record.cjs';

watchKvmOpens();

/** Read by mocha (`--require`). */
export const mochaHooks: Mocha.RootHookObject = {
  afterEach(this: Mocha.Context) {
    runRecord.endTest(this.currentTest?.state === 'passed');
  },
};

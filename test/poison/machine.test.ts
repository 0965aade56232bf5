import { strict as assert } from 'node:assert';
import { rmSync } from 'node:fs';
import { checkIntegrity } from '../../lib/bench/index.js';
import { WINDOW_BASE } from '../../lib/guest/index.js';
import type { MemoryFailureHandlerModule } from '../../lib/index.js';
import { buildGuest, endOf, hostileMachine, makeGuestFolder, outcomeOf } from '../hostile/support.js';
import { ALL_MODES, assertNothingLeft, countingSource, countingSums, holdings, smallMachine, startThreadPool } from '../machine/support.js';
import { requireKvm } from '../support/kvm-available.js';
import type { Behaviour } from './handlers/answering.js';
import { requireUffdPoison } from './support.js';

const PAGES = 60;
const BAD = 40;
const BAD_GPA = `gpa 0x${(WINDOW_BASE + BAD * 4096).toString(16)}`;

function handler(behaviour: Behaviour): MemoryFailureHandlerModule {
  return { module: new URL('./handlers/answering.js', import.meta.url).href, options: behaviour };
}

describe('a page that its source says is lost', function () {
  this.timeout(90_000);
  let atFirst: ReturnType<typeof holdings>;

  before(async function () {
    requireKvm(this);
    requireUffdPoison(this);
    await startThreadPool();
  });
  beforeEach(() => {
    atFirst = holdings();
  });
  afterEach(async () => {
    await assertNothingLeft(atFirst);
  });

  for (const mode of ALL_MODES) {
    it(`${mode}: ends the run at its first access, and the error names it`, async () => {
      const { error } = await outcomeOf(smallMachine(mode, { windowPages: PAGES, source: countingSource({ misbehave: 'poison', page: BAD }) }));
      assert.equal(error?.code, 'MEMORY_POISONED', error?.message);
      assert.match(error.message, /vCPU 0/);
      assert.match(error.message, new RegExp(`${BAD_GPA}, hva 0x[0-9a-f]+000 \\(4096 bytes\\)`));
      assert.match(error.hint ?? '', /good copy/);
    });

    it(`${mode}: is replaced once where the handler says so, whoever accesses it, and every page is as its source has it then`, async () => {
      const source = countingSource({ misbehave: 'poison once', page: BAD });
      // Each page several times on end: several vCPUs meet the bad one at once.
      const visits = Uint32Array.from({ length: 4 * PAGES }, (_, at) => Math.floor(at / 4));
      const options = smallMachine(mode, { windowPages: PAGES, source, vcpus: 4, order: visits, memoryFailureHandler: handler('replace') });
      const { result, error } = await outcomeOf(options);
      assert(result !== null, error?.message);
      assert.equal(result.end, 'done');
      assert(result.vcpus.memoryFailures >= 1);
      const order = Uint32Array.from({ length: PAGES }, (_, page) => page);
      const integrity = checkIntegrity(order, countingSums(PAGES), result);
      assert(integrity.exact, JSON.stringify(integrity));
      assert.equal(result.resolvers.pages, PAGES + 1);
    });

    it(`${mode}: because the source threw, is poison where the source says that its errors are those of pages`, async () => {
      const source = countingSource({ misbehave: 'throw', page: BAD, failure: 'lose-pages' });
      const { error } = await outcomeOf(smallMachine(mode, { windowPages: PAGES, source }));
      assert.equal(error?.code, 'MEMORY_POISONED', error?.message);
      assert.match(error.message, new RegExp(BAD_GPA));
      const ended = await outcomeOf(smallMachine(mode, { windowPages: PAGES, source: countingSource({ misbehave: 'throw', page: BAD, failure: 'end-run' }) }));
      assert.equal(ended.error?.code, 'RESOLVER_FAILED', ended.error?.message);
    });

    it(`${mode}: because the source threw once, is asked for again where the handler says so, and every page is right`, async () => {
      const source = countingSource({ misbehave: 'throw once', page: BAD, failure: 'lose-pages' });
      const { result, error } = await outcomeOf(smallMachine(mode, { windowPages: PAGES, source, memoryFailureHandler: handler('replace') }));
      assert(result !== null, error?.message);
      assert(result.vcpus.memoryFailures >= 1);
      const integrity = checkIntegrity(Uint32Array.from({ length: PAGES }, (_, page) => page), countingSums(PAGES), result);
      assert(integrity.exact, JSON.stringify(integrity));
    });

    it(`${mode}: accessed for ever because nobody does anything about it, ends the run all the same`, async () => {
      const source = countingSource({ misbehave: 'poison', page: BAD });
      for (const answer of ['retry', 'replace'] as const) {
        const { error } = await outcomeOf(smallMachine(mode, { windowPages: PAGES, source, memoryFailureHandler: handler(answer) }));
        assert.equal(error?.code, 'MEMORY_POISONED', error?.message);
        assert.match(error.message, /100 times on end/);
      }
    });

    it(`${mode}: is told to the guest by a machine check where the handler injects one`, async () => {
      const source = countingSource({ misbehave: 'poison', page: BAD });
      const { error } = await outcomeOf(smallMachine(mode, { windowPages: PAGES, source, memoryFailureHandler: handler('machine check') }));
      assert.equal(error?.code, 'GUEST_PANIC', error?.message);
      assert.match(error.message, /vector 18|#MC/);
    });
  }

  for (const [behaviour, message] of [
    ['throw', /no idea/],
    ['nonsense', /'perhaps', not end, retry, replace/],
  ] as const) {
    it(`a handler that misbehaves (${behaviour}) ends the run and is named`, async () => {
      const source = countingSource({ misbehave: 'poison', page: BAD });
      const { error } = await outcomeOf(smallMachine('sync-uffd', { windowPages: PAGES, source, memoryFailureHandler: handler(behaviour) }));
      assert.equal(error?.code, 'HANDLER_FAILED');
      assert.match(error.message, message);
      assert.match(error.message, new RegExp(BAD_GPA));
    });
  }

  it('a handler module that exports nothing is named before the guest runs', async () => {
    const module = new URL('../machine/support.js', import.meta.url).href;
    const { error } = await outcomeOf(smallMachine('sync-uffd', { windowPages: PAGES, memoryFailureHandler: { module, options: null } }));
    assert.match(error?.message ?? '', /does not export openMemoryFailureHandler/);
  });

  it('a source that loses a part of a page is stopped: there is no such thing', async () => {
    const { error } = await outcomeOf(smallMachine('sync-uffd', { windowPages: PAGES, source: countingSource({ misbehave: 'poison in part', page: BAD }) }));
    assert.equal(error?.code, 'RESOLVER_FAILED');
    assert.match(error.message, /only whole pages/);
  });

  describe('accessed by the guest kernel', () => {
    let folder: string;
    before(() => {
      folder = makeGuestFolder();
    });
    after(() => {
      rmSync(folder, { recursive: true });
    });

    for (const mode of ALL_MODES) {
      it(`${mode}: ends the run, also where KVM's emulator made the access`, async () => {
        const guest = buildGuest(folder, 'misbehave', { BEHAVIOUR: 'WINDOW_AT_CPL0' });
        const outcome = await outcomeOf(hostileMachine(mode, guest, { source: countingSource({ misbehave: 'poison', page: 0 }) }));
        assert.equal(endOf(outcome), 'MEMORY_POISONED', outcome.error?.message);
        assert.match(outcome.error?.message ?? '', new RegExp(`gpa 0x${WINDOW_BASE.toString(16)}`));
      });
    }
  });
});

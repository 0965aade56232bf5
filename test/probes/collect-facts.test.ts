import assert from 'node:assert/strict';
import { collectFacts, type Fact } from '../../lib/probes/index.js';
import { patience } from '../support/slowness.js';

const named = (name: string): URL => new URL(`./catalogues/${name}.js`, import.meta.url);
/** Far longer than a probe of these needs; each of the two that never end takes it to the full. */
const LIMIT_MS = patience(1000);

function isGone(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return false;
  } catch {
    return true;
  }
}

describe('collectFacts with probes that misbehave', function () {
  this.timeout(patience(60_000));
  let facts: ReadonlyMap<string, Fact>;

  before(async () => {
    facts = new Map((await collectFacts({ catalogue: named('misbehaving'), limitMs: LIMIT_MS })).map((fact) => [fact.id, fact]));
  });

  const answerOf = (id: string): string => {
    const fact = facts.get(id);
    assert(fact !== undefined && 'answer' in fact, `${id}: ${JSON.stringify(fact)}`);
    return fact.answer;
  };
  const reasonOf = (id: string): string => {
    const fact = facts.get(id);
    assert(fact !== undefined && 'cannot' in fact, `${id}: ${JSON.stringify(fact)}`);
    return fact.cannot;
  };

  it('has a fact for each probe, in the order of the catalogue, with its group', () => {
    assert.deepEqual([...facts.keys()], ['first', 'coded', 'bug', 'noisy', 'spins', 'behind-spins', 'waits', 'killed', 'exits', 'throws-later', 'last']);
    assert.deepEqual([...new Set([...facts.values()].map(({ group }) => group))], ['One', 'Two']);
  });

  it('tells what a probe threw, with its code', () => {
    assert.equal(reasonOf('coded'), 'could not do it [KVM_EINVAL]');
    assert.match(reasonOf('bug'), /this is a bug.*\[UNEXPECTED\]/);
  });

  it('ends a probe that never returns or never settles, and says after how long', () => {
    for (const id of ['spins', 'waits']) assert.equal(reasonOf(id), `the probe was ended: no answer within ${LIMIT_MS / 1000} s`);
  });

  it('names the probe that took its process along, and how', () => {
    assert.equal(reasonOf('killed'), 'the probe crashed its process (SIGSEGV)');
    assert.equal(reasonOf('exits'), 'the probe ended its process with code 7');
    assert.match(reasonOf('throws-later'), /^the probe ended its process with code \d+: RangeError: out of nowhere$/);
  });

  it('runs the others all the same, in as many processes as it takes, and leaves none behind', () => {
    assert.deepEqual(['first', 'noisy', 'behind-spins', 'last'].map(answerOf), ['first', 'quiet', 'still here', 'last']);
    const processes = ['first', 'last'].map((id) => {
      const fact = facts.get(id);
      return Number(fact !== undefined && 'detail' in fact ? fact.detail.slice('process '.length) : NaN);
    });
    assert.equal(new Set([...processes, process.pid]).size, 3, `processes ${processes.join(', ')}`);
    for (const processId of processes) assert(isGone(processId), `process ${processId} is still there`);
  });

  it('gives up where no process gets as far as a probe', async () => {
    const none = await collectFacts({ catalogue: named('unloadable') });
    for (const fact of none) assert('cannot' in fact && /^the process for probes ended its process with code 1: Error: not in this process$/.test(fact.cannot), JSON.stringify(fact));
    assert.deepEqual(none.map(({ id }) => id), ['a', 'b']);
  });
});

import { strict as assert } from 'node:assert';
import { PageState, PageStates } from '../../lib/faults/index.js';

describe('PageStates', () => {
  it('lets exactly one requester win a page', () => {
    const states = new PageStates(PageStates.allocate(2));
    assert.equal(states.request(1), true);
    assert.equal(states.request(1), false);
    assert.equal(states.get(1), PageState.REQUESTED);
    assert.equal(states.get(0), PageState.MISSING);
  });

  it('ends a wait for a page that never comes, and says that it did not come', () => {
    const states = new PageStates(PageStates.allocate(1));
    assert.equal(states.waitSettled(0, 5), false);
    states.setPresent(0);
    assert.equal(states.waitSettled(0, 5), true);
  });

  it('does not give a present page to a requester', () => {
    const states = new PageStates(PageStates.allocate(1));
    states.setPresent(0);
    assert.equal(states.request(0), false);
    states.setMissing(0);
    assert.equal(states.request(0), true);
  });

  it('settles a page whose contents are lost as well, and gives it to no requester', () => {
    const states = new PageStates(PageStates.allocate(1));
    assert.equal(states.isSettled(0), false);
    states.setPoisoned(0);
    assert.equal(states.get(0), PageState.POISONED);
    assert.equal(states.waitSettled(0, 5), true);
    assert.equal(states.request(0), false);
  });

  it('lets exactly one caller take a settled page back, and nobody a page that is on its way', () => {
    const states = new PageStates(PageStates.allocate(2));
    assert.equal(states.reclaim(0), false);
    states.setPoisoned(0);
    states.setPresent(1);
    for (const page of [0, 1]) {
      assert.equal(states.reclaim(page), true);
      assert.equal(states.reclaim(page), false);
      assert.equal(states.request(page), false, 'requested again before it was discarded');
      states.setMissing(page);
      assert.equal(states.request(page), true);
      assert.equal(states.reclaim(page), false);
    }
  });
});

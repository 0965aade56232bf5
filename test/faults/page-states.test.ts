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
});

import { strict as assert } from 'node:assert';
import { DeliverySchedule, PageLatency, PageStates, RequestResolver, RequestRing, type Completion } from '../../lib/faults/index.js';

const LATENCY_NS = 1000;

/** A schedule whose deliveries and completions are written down. */
class Scene {
  readonly delivered: number[] = [];
  readonly told: [page: number, tag: number][] = [];
  readonly states = new PageStates(PageStates.allocate(100));
  readonly counters = { pages: 0, batches: 0, faults: 0, repeated: 0, raced: 0 };
  readonly complete: Completion = (page, tag) => {
    this.states.setPresent(page);
    this.told.push([page, tag]);
  };
  readonly schedule: DeliverySchedule;

  constructor(capacity = 8) {
    const filler = { deliver: (page: number, count: number) => this.delivered.push(...Array.from({ length: count }, (_, i) => page + i)) };
    this.schedule = new DeliverySchedule(filler, new PageLatency(LATENCY_NS), capacity, this.counters, this.complete);
  }
}

describe('DeliverySchedule', () => {
  it('delivers pages side by side as one batch, each once, and none before its latency is over', () => {
    const { schedule, delivered, counters } = new Scene();
    for (const page of [4, 5, 9, 6]) schedule.accept(0, page, 0);
    schedule.serve(LATENCY_NS - 1);
    assert.deepEqual(delivered, []);
    schedule.serve(LATENCY_NS);
    assert.deepEqual([...delivered].sort(), [4, 5, 6, 9]);
    assert.equal(counters.pages, 4);
  });

  it('tells those who asked again together with the first, not a latency later, and keeps the others waiting', () => {
    const { schedule, told, delivered } = new Scene();
    schedule.accept(0, 4, 40);
    schedule.accept(500, 7, 70);
    schedule.follow(4, 41);
    schedule.follow(7, 71);
    schedule.follow(4, 42);
    schedule.serve(LATENCY_NS);
    assert.deepEqual(told, [[4, 40], [4, 41], [4, 42]]);
    schedule.serve(2 * LATENCY_NS);
    assert.deepEqual(told.slice(3), [[7, 70], [7, 71]]);
    assert.deepEqual(delivered, [4, 7]);
  });

  it('ends in a coded error when more requests are under way than it was made for', () => {
    const { schedule } = new Scene(2);
    for (const page of [1, 2]) schedule.accept(0, page, 0);
    assert.throws(() => { schedule.accept(0, 3, 0); }, { code: 'REQUESTS_OVERFLOW' });
    for (const tag of [1, 2]) schedule.follow(1, tag);
    assert.throws(() => { schedule.follow(1, 3); }, { code: 'REQUESTS_OVERFLOW' });
  });
});

describe('RequestResolver', () => {
  it('tells at once who asks for a page that is there already, and asks the source only once for one that is wanted twice', () => {
    const scene = new Scene();
    const ring = new RequestRing(RequestRing.allocate(8));
    scene.states.setPresent(3);
    const resolver = new RequestResolver(ring, scene.states, scene.schedule, scene.counters, scene.complete);
    for (const [page, tag] of [[3, 30], [3, 0], [5, 50], [5, 51], [5, 0]]) ring.offer(page, tag);
    let looks = 0;
    resolver.run(() => looks++ > 0);
    assert.deepEqual(scene.told[0], [3, 30]);
    assert.equal(scene.told.length === 1 || scene.told.length === 3, true);
    scene.schedule.serve(Number.MAX_SAFE_INTEGER);
    assert.deepEqual(scene.told, [[3, 30], [5, 50], [5, 51]]);
    assert.deepEqual(scene.delivered, [5]);
    assert.deepEqual([scene.counters.faults, scene.counters.raced, scene.counters.repeated], [1, 2, 2]);
  });
});

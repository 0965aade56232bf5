import { strict as assert } from 'node:assert';
import { EventLog, lossAbi } from '../../lib/loss/index.js';
import { SystemRam, gpaNumber } from '../../lib/memory/index.js';
import { StructView } from '../../lib/uapi/index.js';

const BYTES = 64 * 1024;
const { LOSS_LOG_ENTRIES, eventLogLayout, logEntryLayout } = lossAbi;

describe('EventLog', () => {
  let ram: SystemRam;
  let log: EventLog;
  let taken: number;

  beforeEach(() => {
    ram = SystemRam.create(gpaNumber(0), BYTES);
    log = new EventLog(ram, 0);
    taken = 0;
  });
  afterEach(() => {
    ram.close();
  });

  /** What the guest's log_event() does first; returns its entry. */
  function takePlace(): StructView<keyof typeof logEntryLayout.fields> {
    const at = taken++ % LOSS_LOG_ENTRIES;
    new StructView(eventLogLayout, ram.data, 0).setNumber('count', taken);
    return new StructView(logEntryLayout, ram.data, eventLogLayout.fields.entry.offset + at * logEntryLayout.size);
  }
  function logEvent(a: number): void {
    const entry = takePlace();
    entry.setNumber('a', a);
    entry.setNumber('kind', lossAbi.LOG_SWITCH);
  }
  const told = (): number[] => log.take().map(({ a }) => Number(a));

  it('has each entry once, in order', () => {
    logEvent(1);
    logEvent(2);
    assert.deepEqual(told(), [1, 2]);
    assert.deepEqual(told(), []);
    logEvent(3);
    assert.deepEqual(told(), [3]);
  });

  it('leaves an entry that the guest has not filled yet, and what an NMI logged meanwhile, for the next time', () => {
    // More than a round: the places have held other entries before.
    for (let a = 0; a < LOSS_LOG_ENTRIES + 5; a++) {
      logEvent(a);
      assert.deepEqual(told(), [a]);
    }
    const entry = takePlace();
    entry.setNumber('a', 7);
    logEvent(8);
    assert.deepEqual(told(), []);
    entry.setNumber('kind', lossAbi.LOG_SWITCH);
    assert.deepEqual(told(), [7, 8]);
  });

  it('has the newest entries where more have come than there is room for', () => {
    for (let a = 0; a < LOSS_LOG_ENTRIES + 10; a++) logEvent(a);
    const events = told();
    assert.equal(events.length, LOSS_LOG_ENTRIES);
    assert.deepEqual([events[0], events.at(-1)], [10, LOSS_LOG_ENTRIES + 9]);
  });
});

import { strict as assert } from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { leaseReport, lossAbi, windowAddress, type AccessOutcome, type LeaseEvent } from '../../lib/loss/index.js';
import { PAGE_SIZE } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';
import { PAGES, withLossGuest, type WindowedGuest } from './loss-guest.js';

const LOST = PAGES - 1;
const SIZE = PAGES * PAGE_SIZE;
const LIMIT_MS = patience(20_000);

describe('the report `lease`', function () {
  let directory: string;
  let path: string;
  let children: ChildProcess[];
  before(function () {
    requireKvm(this);
  });
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kvm-faultlab-lease-'));
    path = join(directory, 'file');
    writeFileSync(path, Buffer.alloc(SIZE, 0x11));
    children = [];
  });
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });

  /** Another process that runs a line of JavaScript: `fs` and the file's `path` are there, `go()` waits for a line of its input. */
  function other(script: string, inherited?: number): ChildProcess {
    const prelude = `const fs = require('node:fs'); const path = ${JSON.stringify(path)}; const go = () => fs.readSync(0, Buffer.alloc(1));`;
    const child = spawn(process.execPath, ['-e', `${prelude} ${script}`], { stdio: ['pipe', 'ignore', 'inherit', inherited ?? 'ignore'] });
    children.push(child);
    return child;
  }

  /** The guest loads from a page again and again, until `isDue`. */
  async function loadUntil({ load }: WindowedGuest, page: number, what: string, isDue: (outcome: AccessOutcome) => boolean): Promise<AccessOutcome> {
    const deadline = performance.now() + LIMIT_MS;
    for (;;) {
      const outcome = load(page);
      if (isDue(outcome)) return outcome;
      assert(performance.now() < deadline, `waited ${LIMIT_MS} ms ${what}`);
      await turn();
    }
  }
  const isLost = ({ result }: AccessOutcome): boolean => result === 'signal';
  const kinds = (events: readonly LeaseEvent[]): string[] => events.map(({ kind }) => kind);
  function assertSignal(outcome: AccessOutcome): void {
    assert(outcome.result === 'signal');
    assert.deepEqual([outcome.signal, outcome.code, outcome.address], [lossAbi.SIGNAL_BUS, lossAbi.CODE_BUS_ADRERR, windowAddress(LOST)]);
  }

  it('makes a process that wants to truncate the file wait: the guest has lost its mappings before the file is shorter', async () => {
    const events: LeaseEvent[] = [];
    let sizeWhenAsked = -1;
    let sizeOfFile = (): number => -1;
    const onEvent = (event: LeaseEvent): void => {
      events.push(event);
      if (event.kind === 'asked') sizeWhenAsked = sizeOfFile();
    };
    await withLossGuest({ report: leaseReport({ onEvent, waitMs: LIMIT_MS }), source: { path } }, async (windowed) => {
      const { guest, window, load } = windowed;
      sizeOfFile = () => window.fileSizeBytes();
      assert.equal(load(LOST).result, 'value');
      const before = guest.control.counter('not_present');
      const child = other(`fs.truncateSync(path, ${LOST * PAGE_SIZE});`);
      assertSignal(await loadUntil(windowed, LOST, 'for a process to truncate the file', isLost));
      assert.deepEqual(events, [{ kind: 'asked' }, { kind: 'regained', backedBytes: LOST * PAGE_SIZE }]);
      assert.equal(sizeWhenAsked, SIZE, 'the file was shorter before the window was withdrawn');
      assert.equal(guest.control.counter('not_present'), before, 'the guest met the lost page by an async page fault');
      assert.equal(load(0).result, 'value');
      if (child.exitCode === null) await once(child, 'exit');
      assert.equal(child.exitCode, 0);
    });
  });

  it('serves whoever asks next: the file comes back the same way', async () => {
    const events: LeaseEvent[] = [];
    await withLossGuest({ report: leaseReport({ onEvent: (event) => events.push(event), waitMs: LIMIT_MS }), source: { path } }, async (windowed) => {
      other(`fs.truncateSync(path, ${LOST * PAGE_SIZE});`);
      await loadUntil(windowed, LOST, 'for a process to truncate the file', isLost);
      other(`fs.truncateSync(path, ${SIZE});`);
      await loadUntil(windowed, LOST, 'for a process to extend the file', (outcome) => !isLost(outcome));
      // Only then is the second one through.
      assert.deepEqual(kinds(events), ['asked', 'regained', 'asked', 'regained']);
    });
  });

  it('lets the file go that it has no more use for', async () => {
    await withLossGuest({ report: leaseReport(), source: { path } }, () => {});
    const child = other('fs.truncateSync(path, 0);');
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 0);
  });

  it('the hole: a process that inherited the descriptor does not ask; the loss is noticed afterwards', async () => {
    const events: LeaseEvent[] = [];
    await withLossGuest({ report: leaseReport({ onEvent: (event) => events.push(event) }), source: { path } }, async (windowed) => {
      other(`fs.ftruncateSync(3, ${LOST * PAGE_SIZE});`, windowed.window.file.fd);
      assertSignal(await loadUntil(windowed, LOST, 'for a process to truncate the file', isLost));
      assert.deepEqual(events, [{ kind: 'unasked', backedBytes: LOST * PAGE_SIZE }]);
      assert.equal(windowed.load(0).result, 'value');
    });
  });

  it('the hole: a process that asked once and keeps the file does not ask again', async () => {
    const events: LeaseEvent[] = [];
    await withLossGuest({ report: leaseReport({ onEvent: (event) => events.push(event), waitMs: patience(50) }), source: { path } }, async (windowed) => {
      const child = other(`const fd = fs.openSync(path, 'r+'); go(); fs.ftruncateSync(fd, ${LOST * PAGE_SIZE}); go();`);
      await loadUntil(windowed, LOST, 'for a process to open the file', () => events.some(({ kind }) => kind === 'kept'));
      assert.deepEqual(kinds(events), ['asked', 'kept']);
      assert.equal(windowed.load(LOST).result, 'value', 'the window is given back');
      child.stdin?.write('.');
      assertSignal(await loadUntil(windowed, LOST, 'for that process to truncate the file', isLost));
      assert.deepEqual(kinds(events), ['asked', 'kept', 'unasked']);
      child.stdin?.write('.');
      await once(child, 'exit');
      assertSignal(windowed.load(LOST));
      assert.deepEqual(kinds(events), ['asked', 'kept', 'unasked', 'regained']);
    });
  });
});

import { strict as assert } from 'node:assert';
import { sortAnonymous, readAnonymous } from '../../../lib/bench/speed/anonymous-memory.js';
import { accountFor, figureAccountLines, middleOf, type FigureAccount } from '../../../lib/bench/speed/figure-account.js';
import { memoryAccount, type MemoryReport } from '../../../lib/bench/speed/memory-account.js';
import { measureMemory, measureStart } from '../../../lib/bench/speed/processes.js';
import { startAccount, type StartReport } from '../../../lib/bench/speed/start-account.js';
import { requireKvm } from '../../support/kvm-available.js';

const addsUp = ({ whole, parts, unexplained }: FigureAccount): void => {
  const sum = parts.reduce((total, { value }) => total + value, 0) + unexplained;
  assert.ok(Math.abs(sum - whole) < 1, `${sum} is not ${whole}`);
};

const valueOf = ({ parts }: FigureAccount, name: RegExp): number => {
  const found = parts.filter((part) => name.test(part.name));
  assert.equal(found.length, 1, `parts like ${String(name)}`);
  return found[0].value;
};

describe('the account of a figure', () => {
  it('leaves what no part explains to the rest, and shows it', () => {
    const account = accountFor(100, [{ name: 'one', value: 60 }, { name: 'two', value: -10 }]);
    assert.equal(account.unexplained, 50);
    assert.deepEqual(
      figureAccountLines({ ...account, whole: 100 * 2 ** 20, parts: account.parts.map(({ name, value }) => ({ name, value: value * 2 ** 20 })), unexplained: 50 * 2 ** 20 }, 'bytes').map((line) => line.trim()),
      ['60.0 MiB   60.0 %  one', '-10.0 MiB  -10.0 %  two', '50.0 MiB   50.0 %  unexplained'],
    );
  });

  it('is that of the middle round', () => {
    assert.equal(middleOf([5]), 0);
    assert.equal(middleOf([30, 10, 20]), 2);
    assert.equal(middleOf([40, 10, 30, 20]), 3);
    assert.throws(() => middleOf([]), RangeError);
  });

  const marks = { beganNs: 1005, bootedNs: 1050, modulesNs: 1150, addonNs: 1155 };
  const worker = (thread: string, bootedNs: number, loadedNs: number, orderedNs: number, readyNs: number): StartReport['machine']['workers'][number] => ({ thread, bootedNs, loadedNs, orderedNs, readyNs });

  it('of a start follows the Worker that is ready last, as far as nobody else was at work', () => {
    const workers = [worker('vCPU 0', 1190, 1210, 1231, 1240), worker('resolver 0', 1200, 1225, 1230, 1250)];
    const account = startAccount({ ns: 1300, marks, machine: { calledNs: 1160, workersNs: 1170, partsNs: 1220, goNs: 1260, workers } }, 1000, 40);
    addsUp(account);
    assert.equal(account.whole, 260);
    assert.deepEqual(account.parts.map(({ value }) => value), [10, 100, 5, 10, 50, 0, 5, 5, 20, 10, 40]);
    assert.equal(account.unexplained, 5, 'between the addon and the call');
  });

  it('of a start is never less than nothing where Workers begin early', () => {
    const workers = [worker('vCPU 0', 1171, 1172, 1221, 1222)];
    const account = startAccount({ ns: 1300, marks, machine: { calledNs: 1160, workersNs: 1170, partsNs: 1220, goNs: 1260, workers } }, 1000, 40);
    addsUp(account);
    for (const { name, value } of account.parts) assert.ok(value >= 0, `${name}: ${value}`);
  });

  it('of memory sets a machine against as many bare Workers', () => {
    const report = (bytes: number, mallocBytes: number, mainHeapBytes: number, workerHeapsBytes: number, sharedWordsBytes: number): MemoryReport => ({
      bytes, anonymous: { sizeBytes: bytes, mallocBytes, fileBytes: 3, stackBytes: 2 }, mainHeapBytes, workerHeapsBytes, sharedWordsBytes,
    });
    const account = memoryAccount(report(200, 30, 40, 60, 7), report(130, 20, 35, 50, 0), report(100, 15, 35, 25, 0));
    addsUp(account);
    assert.equal(account.whole, 100);
    assert.deepEqual(account.parts.map(({ value }) => value), [30, 10, 5, 10, 0, 0, 7]);
    assert.equal(account.unexplained, 38);
  });

  it('knows malloc by the heap and by arenas, and files and the stack by name', () => {
    const area = (range: string, permissions: string, path: string, kib: number): string => `${range} ${permissions} 00000000 00:00 0    ${path}\nSize: 9 kB\nAnonymous:  ${kib} kB\n`;
    const sorted = sortAnonymous([
      area('00400000-00500000', 'r--p', '/usr/bin/node', 4),
      area('01000000-01200000', 'rw-p', '[heap]', 8),
      area('7f0000000000-7f0000021000', 'rw-p', '', 16),
      area('7f0000021000-7f0004000000', '---p', '', 0),
      area('7f1000000000-7f1000021000', 'rw-p', '', 32),
      area('7f2000001000-7f2000021000', 'rw-p', '', 64),
      area('7ffc00000000-7ffc00021000', 'rw-p', '[stack]', 128),
    ].join(''));
    assert.deepEqual(sorted, { sizeBytes: 252 * 1024, mallocBytes: 24 * 1024, fileBytes: 4 * 1024, stackBytes: 128 * 1024 });
    const own = readAnonymous();
    assert.ok(own.mallocBytes > 0 && own.fileBytes > 0 && own.stackBytes > 0 && own.mallocBytes + own.fileBytes + own.stackBytes < own.sizeBytes, JSON.stringify(own));
  });
});

describe('the processes that speed measures', function () {
  const options = { rounds: 1, progress: () => false };

  it('account for their start: every phase was measured, and they add up', async function () {
    requireKvm(this);
    const [{ account, measured }] = await measureStart(options);
    assert.ok(account !== null);
    addsUp(account);
    assert.equal(account.whole, measured.value);
    for (const phase of [/^modules of the main thread/, /^native addon/, /threads made$/, /^VM, guest memory/, /^it opens what it needs/, /says go$/, /enters KVM_RUN$/]) assert.ok(valueOf(account, phase) > 0, String(phase));
    // The first is a difference of two processes; the others lie between two readings of one clock.
    for (const { name, value } of account.parts.slice(1)) assert.ok(value >= 0, `${name}: ${value}`);
    assert.ok(account.unexplained >= 0, `${account.unexplained} ns unexplained`);
  });

  it('account for their memory: parts add up, and Workers are among them', async function () {
    requireKvm(this);
    const [{ account, measured }] = await measureMemory(options);
    assert.ok(account !== null);
    addsUp(account);
    assert.equal(account.whole, measured.value);
    assert.ok(valueOf(account, /^a second bare Worker/) > 0);
    assert.ok(valueOf(account, /^JavaScript heaps of the machine/) > 0);
    assert.ok(valueOf(account, /^words that the threads share/) > 0);
  });
});

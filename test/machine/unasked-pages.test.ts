import { strict as assert } from 'node:assert';
import { checkEvents, checkIntegrity } from '../../lib/bench/index.js';
import { Machine, nbdSource, nativeAddon, parseNbdAddress, zeroSource, type DeliveryMode, type MachineOptions, type MachineResult } from '../../lib/index.js';
import { checksumPage } from '../../lib/guest/index.js';
import { NbdServer, requireNbdkit } from '../support/nbdkit.js';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { patience } from '../support/slowness.js';
import { assertNothingLeft, countingSource, countingSums, holdings, smallMachine, startThreadPool } from './support.js';

const PAGES = 300;
const EVERY_PAGE = Uint32Array.from({ length: PAGES }, (_, page) => page);

async function run(options: MachineOptions): Promise<MachineResult> {
  const machine = await Machine.create(options);
  try {
    return await machine.run();
  } finally {
    await machine.close();
  }
}

function assertGood(options: MachineOptions, result: MachineResult): void {
  assert.equal(result.end, 'done');
  const order = options.order ?? EVERY_PAGE;
  const integrity = checkIntegrity(order, options.expected ?? countingSums(PAGES), result);
  assert(integrity.exact, JSON.stringify(integrity));
  for (const check of checkEvents(options.mode, { ...options, order }, result)) assert(check.agree, `${check.what}: guest ${check.guest}, host ${check.host}`);
}

describe('machines whose pages come otherwise than one by one', function () {
  this.timeout(patience(60_000));
  before(async function () {
    requireKvm(this);
    await startThreadPool();
  });

  for (const mode of ['sync-uffd', 'apf-user'] as const) {
    it(`${mode}: pages that are all in place are not asked for`, async () => {
      const options = smallMachine(mode, { populate: true, resolvers: 2 });
      const result = await run(options);
      assertGood(options, result);
      assert.deepEqual([result.resolvers.populated, result.resolvers.faults, result.resolvers.pages], [PAGES, 0, PAGES]);
      noteKvmUse();
    });

    it(`${mode}: pages fetched ahead come once each, asked for or not, and those not visited too`, async () => {
      const order = EVERY_PAGE.slice(0, 200);
      const options = smallMachine(mode, { order, prefetch: EVERY_PAGE, resolvers: 2, latencyNs: 1e6 });
      const result = await run(options);
      assertGood(options, result);
      const { prefetched, faults, pages } = result.resolvers;
      assert(prefetched > 0, 'nothing was fetched ahead');
      assert(faults >= 1, 'nothing began the fetching');
      assert(pages <= PAGES && pages >= 200, `${pages} pages came`);
      assert.equal(prefetched + faults, pages);
      noteKvmUse();
    });
  }

  for (const mode of ['sync-uffd', 'apf-kernel'] as const) {
    it(`${mode}: one userfaultfd for each part of the window, several vCPUs`, async () => {
      const before = holdings();
      const options = smallMachine(mode, { userfaultfds: 'per-resolver', resolvers: 3, vcpus: 2 });
      assertGood(options, await run(options));
      await assertNothingLeft(before);
      noteKvmUse();
    });
  }

  it('a layout of userfaultfds that the mode has no use for is refused', async () => {
    await assert.rejects(Machine.create(smallMachine('sync-exit', { userfaultfds: 'per-resolver' })), { code: 'BAD_OPTION' });
  });

  for (const mode of ['sync-uffd', 'apf-user'] as const) {
    it(`${mode}: the order of requests is that of the visits, as a lone task makes them`, async () => {
      const order = EVERY_PAGE.map((page) => (page * 7) % PAGES);
      const result = await run(smallMachine(mode, { order, faultTasks: 1, recordRequests: true, resolvers: 2 }));
      assert.deepEqual(result.requested, order);
      noteKvmUse();
    });
  }

  it('fetches in flight are bounded: with one at once, pages take turns', async () => {
    // 40 pages of 2 ms one after the other take 80 ms at least, however slow the host is; together they would not.
    const order = EVERY_PAGE.slice(0, 40);
    const result = await run(smallMachine('apf-user', { order, latencyNs: 2e6, inFlight: 1, faultTasks: 8 }));
    const cycles = Math.max(...result.guest.map(({ paging }) => paging.tscCycles));
    assert(cycles / result.tscKhz >= 39 * 2, `all came within ${cycles / result.tscKhz} ms`);
    await assert.rejects(Machine.create(smallMachine('apf-user', { inFlight: 1, resolvers: 2 })), { code: 'BAD_OPTION' });
    noteKvmUse();
  });

  it('threads run where they are put, and the result says where', async () => {
    const cpus = nativeAddon().getAffinity();
    const last = cpus[cpus.length - 1];
    const { placement } = await run(smallMachine('sync-exit', { order: EVERY_PAGE.slice(0, 10), placement: { vcpus: [[last]], resolvers: [[cpus[0]]] } }));
    assert.deepEqual(placement, [{ thread: 'vCPU 0', cpus: [last] }, { thread: 'resolver 0', cpus: [cpus[0]] }]);
    assert.deepEqual(nativeAddon().getAffinity(), cpus, 'the main thread was moved');
    noteKvmUse();
  });

  it('zeroes come without any storage', async () => {
    const expected = new Int32Array(2 * PAGES);
    for (const page of EVERY_PAGE) checksumPage(new Int32Array(1024), 0, page, expected);
    const options = smallMachine('sync-exit', { source: zeroSource(), expected });
    assertGood(options, await run(options));
    noteKvmUse();
  });

  it('a run that failed says what there was by then', async () => {
    const machine = await Machine.create(smallMachine('sync-exit', { source: countingSource({ misbehave: 'throw', page: 150 }), faultTasks: 1 }));
    try {
      await assert.rejects(machine.run(), { code: 'RESOLVER_FAILED' });
      const left = await machine.leftBehind();
      assert.equal(left.end, 'failed');
      assert.equal(left.resolvers.pages, 150);
      const { compared, mismatched } = checkIntegrity(EVERY_PAGE, countingSums(PAGES), left);
      assert.deepEqual([compared, mismatched], [150, 0]);
    } finally {
      await machine.close();
    }
    noteKvmUse();
  });
});

describe('machines over an NBD server', function () {
  this.timeout(patience(60_000));
  let server: NbdServer | null = null;
  before(async function () {
    requireKvm(this);
    requireNbdkit(this);
    await startThreadPool();
  });
  afterEach(() => {
    server?.close();
    server = null;
  });

  /** nbdkit's pattern: each 8 bytes hold their own offset, big end first. */
  const pattern = Int32Array.from({ length: 2 * PAGES });
  before(() => {
    for (const page of EVERY_PAGE) {
      const bytes = Buffer.alloc(4096);
      for (let at = 0; at < 4096; at += 8) bytes.writeBigUInt64BE(BigInt(page * 4096 + at), at);
      checksumPage(new Int32Array(bytes.buffer, bytes.byteOffset, 1024), 0, page, pattern);
    }
  });
  const machineOver = (mode: DeliveryMode, at: NbdServer, changes: Partial<MachineOptions> = {}): MachineOptions =>
    smallMachine(mode, { source: nbdSource({ address: parseNbdAddress(at.uri), inFlight: 16, timeouts: { openMs: patience(10_000), readMs: patience(10_000) } }), expected: pattern, ...changes });

  for (const mode of ['sync-uffd', 'apf-kernel', 'apf-user'] as const) {
    it(`${mode}: every byte, several requests in flight, two connections`, async () => {
      server = await NbdServer.start(['--filter=delay', 'pattern', '2M', 'rdelay=1ms']);
      const before = holdings();
      const options = machineOver(mode, server, { resolvers: 2 });
      assertGood(options, await run(options));
      await assertNothingLeft(before);
      noteKvmUse();
    });
  }

  it('pages in place before, and pages fetched ahead, come from it as well', async () => {
    server = await NbdServer.start(['pattern', '2M']);
    for (const changes of [{ populate: true }, { prefetch: EVERY_PAGE }]) {
      const options = machineOver('sync-exit', server, changes);
      assertGood(options, await run(options));
    }
    noteKvmUse();
  });

  for (const mode of ['sync-uffd', 'apf-user'] as const) {
    it(`${mode}: a page that it has no contents for is lost, and the guest meets poison there alone`, async () => {
      server = await NbdServer.start(['eval', `get_size=echo ${PAGES * 4096}`, 'pread=if [ "$4" -eq 409600 ]; then echo "EIO bad sector" >&2; exit 1; fi; head -c "$3" /dev/zero']);
      const expected = new Int32Array(2 * PAGES);
      for (const page of EVERY_PAGE) checksumPage(new Int32Array(1024), 0, page, expected);
      const around = EVERY_PAGE.slice(80, 120);
      const others = machineOver(mode, server, { expected, order: around.filter((page) => page !== 100) });
      assertGood(others, await run(others));
      const machine = await Machine.create(machineOver(mode, server, { expected, order: around, faultTasks: 1 }));
      try {
        await assert.rejects(machine.run(), { code: 'MEMORY_POISONED' });
        const left = await machine.leftBehind();
        assert.equal(left.resolvers.lost, 1);
        const { compared, mismatched } = checkIntegrity(around, expected, left);
        assert.deepEqual([compared, mismatched], [20, 0]);
      } finally {
        await machine.close();
      }
      noteKvmUse();
    });

    it(`${mode}: a server that dies ends the run with an error that names it, and leaves nothing`, async () => {
      const dying = (server = await NbdServer.start(['--filter=delay', 'pattern', '2M', 'rdelay=20ms']));
      const before = holdings();
      const machine = await Machine.create(machineOver(mode, dying, { faultTasks: 1 }));
      const killed = setInterval(() => {
        if (machine.progress().pages >= 3) dying.kill();
      }, 5);
      try {
        await assert.rejects(machine.run(), (error: Error & { code: string }) => error.code === 'NBD_LOST' && error.message.includes(dying.socket));
        const left = await machine.leftBehind();
        assert(left.resolvers.pages >= 1 && left.resolvers.pages < PAGES);
      } finally {
        clearInterval(killed);
        await machine.close();
      }
      await assertNothingLeft(before);
      noteKvmUse();
    });
  }

  it('a server that is not there is found out before the guest starts', async () => {
    const gone = (server = await NbdServer.start(['pattern', '2M']));
    gone.kill();
    gone.close();
    await assert.rejects(Machine.create(machineOver('sync-exit', gone)), { code: 'NBD_UNREACHABLE' });
    noteKvmUse();
  });
});

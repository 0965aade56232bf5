import { strict as assert } from 'node:assert';
import { Session, type HeapProfiler } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
import { zeroSource } from '../../lib/faults/index.js';
import { DOORBELL_RINGS, guestElf } from '../../lib/guest/index.js';
import { Machine, type MachineOptions } from '../../lib/machine/index.js';
import { requireKvm } from '../support/kvm-available.js';

/** A sample for each so many bytes, on the average. */
const SAMPLING_BYTES = 64;
const LONGEST_WAIT_MS = 60_000;
/** The engine has compiled the loop long before half of them. */
const ENTRIES = 2000;
const FAULTS = 20_000;

/** The heap profiler of the vCPU's Worker, spoken to from outside: the Worker itself is in its loop. */
class WorkerProfiler {
  private readonly session = new Session();
  private readonly answers = new Map<number, (result: unknown) => void>();
  private readonly attached: Promise<string>;
  private next = 1;

  constructor() {
    this.session.connect();
    this.attached = new Promise((resolve) => {
      this.session.on('NodeWorker.attachedToWorker', ({ params }) => {
        if (params.workerInfo.url.includes('vcpu-worker')) resolve(params.sessionId);
      });
    });
    this.session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      const { id, result } = JSON.parse(params.message) as { id?: number; result?: unknown };
      if (id !== undefined) this.answers.get(id)?.(result);
    });
    this.session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  async call(method: string, params: object = {}): Promise<unknown> {
    const sessionId = await withTimeout(this.attached, 'the vCPU Worker to attach');
    const id = this.next++;
    const answer = new Promise((resolve) => this.answers.set(id, resolve));
    this.session.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify({ id, method, params }) });
    return await withTimeout(answer, `an answer to ${method}`);
  }

  close(): void {
    this.session.disconnect();
  }
}

async function withTimeout<T>(promise: Promise<T>, what: string): Promise<T> {
  const end = new AbortController();
  try {
    return await Promise.race([promise, sleep(LONGEST_WAIT_MS, null, { signal: end.signal }).then(() => assert.fail(`waited ${LONGEST_WAIT_MS} ms for ${what}`))]);
  } finally {
    end.abort();
  }
}

/** Bytes by function, the most first. */
function bytesByFunction(head: HeapProfiler.SamplingHeapProfileNode): [string, number][] {
  const bytes = new Map<string, number>();
  const visit = ({ callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode): void => {
    const name = `${callFrame.functionName} ${callFrame.url.split('/').at(-1) ?? ''}`;
    bytes.set(name, (bytes.get(name) ?? 0) + selfSize);
    children.forEach(visit);
  };
  visit(head);
  return [...bytes].filter(([, size]) => size > 0).sort(([, a], [, b]) => b - a);
}

/** Runs a machine and samples what its vCPU's Worker allocates, those objects too that are gone by the end, from half of its `exits` to nine tenths. */
async function sample(options: Omit<MachineOptions, 'mode' | 'source' | 'windowPages'> & { readonly order: Uint32Array }, exits: number): Promise<{ exits: number; bytes: [string, number][] }> {
  const profiler = new WorkerProfiler();
  try {
    const machine = await Machine.create({ mode: 'sync-exit', windowPages: options.order.length, source: zeroSource(), faultTasks: 1, workTasks: 0, ...options });
    try {
      await profiler.call('HeapProfiler.enable');
      const ended = machine.run();
      // Whatever ends it is told at `await ended`.
      ended.catch(() => undefined);
      const reach = async (share: number): Promise<number> => {
        const endMs = performance.now() + LONGEST_WAIT_MS;
        while (machine.progress().exits < share * exits) {
          assert.ok(performance.now() < endMs, `waited ${LONGEST_WAIT_MS} ms for ${share} of the run`);
          await sleep(1);
        }
        return machine.progress().exits;
      };
      await reach(0.5);
      // The engine makes a table of the script's lines when it is first asked for one, which the profiler may be.
      const stack = (await profiler.call('Runtime.evaluate', { expression: 'new Error().stack' })) as { readonly result: { readonly value?: unknown } };
      assert.match(String(stack.result.value), /vcpu-worker/);
      await profiler.call('HeapProfiler.startSampling', { samplingInterval: SAMPLING_BYTES, includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true });
      const first = machine.progress().exits;
      const last = await reach(0.9);
      const { profile } = (await profiler.call('HeapProfiler.stopSampling')) as HeapProfiler.StopSamplingReturnType;
      await ended;
      return { exits: last - first, bytes: bytesByFunction(profile.head) };
    } finally {
      await machine.close();
    }
  } finally {
    profiler.close();
  }
}

describe('the loop of a vCPU', () => {
  it('allocates nothing at a port-out exit', async function () {
    requireKvm(this);
    const { exits, bytes } = await sample({ order: new Uint32Array(ENTRIES), guestPath: guestElf('doorbell') }, ENTRIES * DOORBELL_RINGS);
    assert.ok(exits > (ENTRIES * DOORBELL_RINGS) / 10, `${exits} exits are too few`);
    const total = bytes.reduce((sum, [, size]) => sum + size, 0);
    // One object an exit would be 12 bytes at least; what the profiler itself allocates once does not grow with exits.
    assert.ok(total / exits < 0.5, `${total} bytes in ${exits} exits: ${JSON.stringify(bytes.slice(0, 8))}`);
  });

  it('allocates nothing at a fault that comes as an exit', async function () {
    requireKvm(this);
    const { exits, bytes } = await sample({ order: Uint32Array.from({ length: FAULTS }, (_, page) => page) }, FAULTS);
    assert.ok(exits > FAULTS / 10, `${exits} faults are too few`);
    const total = bytes.reduce((sum, [, size]) => sum + size, 0);
    assert.ok(total / exits < 4, `${total} bytes in ${exits} faults: ${JSON.stringify(bytes.slice(0, 8))}`);
  });
});

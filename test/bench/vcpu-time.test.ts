import { strict as assert } from 'node:assert';
import { VCPU_PARTS, renderSpeed, vcpuAccountOf, type VcpuAccount, type VcpuPart } from '../../lib/bench/index.js';
import { runZeroLoad, zeroLoad } from '../../lib/bench/speed/zero-load.js';
import { StampKind } from '../../lib/native/index.js';
import { readHost } from '../../lib/kvm/index.js';
import type { DeliveryMode, MachineResult } from '../../lib/machine/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { speedReport } from '../report/reports.js';
import { guestReport } from './guest-reports.js';

const sum = ({ parts, unexplainedNs }: VcpuAccount): number => VCPU_PARTS.reduce((all, part) => all + parts[part], unexplainedNs);

const addsUp = (account: VcpuAccount): void => {
  assert.ok(Math.abs(sum(account) - account.wallNs) <= account.wallNs * 1e-6, `${sum(account)} is not ${account.wallNs}`);
};

/** A machine with one vCPU: 1 GHz, one fault of which the VMM tells the guest, another of its exits in the handler of the ready interrupt. */
function made(threads: NonNullable<MachineResult['stamps']>['threads'][number]): VcpuAccount {
  const log = (...stamps: readonly (readonly [tsc: number, kind: number, argument: number])[]): NonNullable<MachineResult['stamps']>['vcpus'][number] => ({
    tsc: Float64Array.from(stamps, ([tsc]) => tsc),
    kind: Uint32Array.from(stamps, ([, kind]) => kind),
    argument: Uint32Array.from(stamps, ([, , argument]) => argument),
    missed: 0,
  });
  const { RUN_ENTER, RUN_LEAVE, LOCATED, TOLD, TAKEN, MAP_BEGIN, MAP_END, COMPLETED, SIGNAL_BEGIN, SIGNAL_END } = StampKind;
  const span = (start: number, end: number, page = 0, done = 0): { start: number; end: number; page: number; done: number } => ({ start, end, page, done });
  const account = vcpuAccountOf('apf-user', {
    tscKhz: 1e6,
    latencyCycles: BigUint64Array.of(600n),
    guest: [guestReport({
      notPresent: 1, cyclesNotPresent: 40, ready: 1, cyclesReady: 60, pages: 1,
      controlBefore: { tscCycles: 100, work: 10, kernelCycles: 0 },
      paging: { tscCycles: 1000, work: 30, kernelCycles: 100 },
    })],
    stamps: {
      vcpus: [log([1130, RUN_LEAVE, 14 << 16], [1140, LOCATED, 0], [1145, TOLD, 0], [1150, RUN_ENTER, 0], [1630, RUN_LEAVE, 30], [1640, RUN_ENTER, 0])],
      resolvers: [log([1160, TAKEN, 0], [1560, MAP_BEGIN, 0], [1570, MAP_END, 0], [1575, COMPLETED, 0], [1580, SIGNAL_BEGIN, 0], [1585, SIGNAL_END, 0])],
      tscOffsets: [0],
      startCycles: BigUint64Array.of(1110n),
      floorCycles: 1,
      notes: [{ notPresent: Float64Array.of(1170), ready: Float64Array.of(1600), tick: new Float64Array() }],
      phaseStarts: [[800, 1100, 0]],
      threads: [threads],
    },
    trace: {
      vcpus: [], resolvers: [],
      tasks: [
        { kind: 'work', vcpu: 0, lost: 0, spans: [span(800, 900), span(1250, 1400), span(1420, 1590), span(1750, 2090)] },
        { kind: 'fault', vcpu: 0, lost: 0, spans: [span(1110, 1710, 0, 1735)] },
      ],
    },
  });
  assert.ok(account !== null);
  return account;
}

const moment = (onCpuNs: number | null, runDelayNs: number | null, monotonicNs: number): NonNullable<MachineResult['stamps']>['threads'][number][number] => ({ tscCycles: 0, monotonicNs, onCpuNs, runDelayNs, inKvmNs: 0, waitedNs: 0, kvm: { exits: monotonicNs / 10 } });

describe("the account of a vCPU's time", () => {
  it('gives every stretch to one part, and the parts add up', () => {
    const account = made([moment(0, 0, 0), moment(100, 0, 100), moment(100, 0, 200), moment(1085, 15, 1210)]);
    const expected: Partial<Record<VcpuPart, number>> = {
      // 30 units at 10 cycles; 660 cycles they took.
      work: 300, slowed: 360,
      pages: 40, fault: 20, vmm: 30, inject: 20, deliver: 10,
      // 40 and, without the exit, 50; the way out of the first handler takes 40, so of what follows the second it has 40 too.
      handlers: 90, return: 80, map: 10,
      away: 5, cpu: 15,
    };
    for (const part of VCPU_PARTS) assert.equal(account.parts[part], expected[part] ?? 0, part);
    assert.equal(account.unexplainedNs, 20);
    assert.deepEqual(account.threads, { onCpuNs: 985, runDelayNs: 15, asleepNs: 10 });
    assert.deepEqual(account.missing, []);
    assert.deepEqual(account.kvm, { exits: 101 });
    addsUp(account);
  });

  it('says what is missing where the scheduler does not count, and adds up all the same', () => {
    const account = made([moment(null, null, 0), moment(null, null, 100), moment(null, null, 200), moment(null, null, 1210)]);
    assert.equal(account.threads, null);
    assert.deepEqual([account.parts.cpu, account.parts.away], [0, 20]);
    assert.match(account.missing[0].why, /schedstat/);
    addsUp(account);
    const text = renderSpeed(speedReport({ vcpuTimes: [{ figure: 'kept-apf-user', mode: 'apf-user', account }] }), { color: false });
    assert.match(text, /inject: .* 2\.0 % \(20 ns\)/);
    assert.match(text, /kept-apf-user, apf-user: cpu is not known: .*schedstat/);
  });

  /** What each mode must have some of. */
  const PARTS: Readonly<Record<'sync-uffd' | 'sync-exit' | 'apf-kernel' | 'apf-user', readonly VcpuPart[]>> = {
    'sync-uffd': ['work', 'pages', 'handlers', 'wait'],
    'sync-exit': ['work', 'pages', 'handlers', 'fault', 'vmm', 'wait'],
    'apf-kernel': ['work', 'pages', 'handlers', 'return', 'fault', 'deliver'],
    'apf-user': ['work', 'pages', 'handlers', 'return', 'fault', 'vmm', 'inject', 'deliver'],
  };
  for (const mode of Object.keys(PARTS) as (keyof typeof PARTS)[]) {
    it(`of a run in ${mode} adds up, and has the parts of the mode`, async function () {
      requireKvm(this);
      const account = vcpuAccountOf(mode, await run(mode));
      assert.ok(account !== null);
      addsUp(account);
      assert.equal(account.pages, 200);
      // Where KVM does not emulate it, `iretq` is too short to be told from the handler before it.
      const has = PARTS[mode].filter((part) => part !== 'return' || readHost().kind === 'PVM');
      for (const part of has) assert.ok(account.parts[part] > 0, part);
      assert.ok(account.unexplainedNs < account.wallNs / 2);
    });
  }

  it('is not made of a run without moments', async function () {
    requireKvm(this);
    const result = await run('apf-user');
    assert.equal(vcpuAccountOf('apf-user', { ...result, trace: null }), null);
    assert.equal(vcpuAccountOf('apf-user', { ...result, stamps: null }), null);
  });
});

async function run(mode: DeliveryMode): Promise<MachineResult> {
  return runZeroLoad(zeroLoad(200), { mode, faultTasks: 4, workTasks: 2, latencyNs: 500_000, controlTicks: 5, stamps: true, trace: { records: 1, spans: 16_000, gapCycles: 1000 } });
}

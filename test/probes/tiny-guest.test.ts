import assert from 'node:assert/strict';
import { Kvm } from '../../lib/kvm/index.js';
import { nativeAddon } from '../../lib/native/index.js';
import { TinyGuest, addresses, describeEnd, type GuestEnd, type TinyGuestOptions } from '../../lib/probes/tiny-guest/index.js';
import { PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../lib/uapi/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { patience } from '../support/slowness.js';

const SPIN = [0xeb, 0xfe];
const UD2 = [0x0f, 0x0b];

describe('the tiny guest', function () {
  this.timeout(patience(20_000));
  let kvm: Kvm;

  before(function () {
    requireKvm(this);
  });
  beforeEach(() => {
    kvm = Kvm.open();
  });
  afterEach(() => {
    kvm.close();
  });

  const run = (options: TinyGuestOptions, prepare: (guest: TinyGuest) => void = () => undefined): Promise<GuestEnd> =>
    TinyGuest.with(kvm, options, (guest) => {
      prepare(guest);
      return guest.run();
    });

  for (const cpl of [0, 3] as const) {
    it(`comes to the end of its code at CPL${cpl}, with the registers it was given`, async () => {
      await TinyGuest.with(kvm, { cpl, code: [0x88, 0x0b], registers: { rbx: addresses[cpl === 0 ? 'kernelData' : 'userData'], rcx: 0x5a } }, (guest) => {
        assert.deepEqual(guest.run(), { kind: 'end' });
        assert.equal(guest.memory.ram.bytes[addresses[cpl === 0 ? 'kernelData' : 'userData']], 0x5a);
      });
    });

    it(`catches an exception at CPL${cpl}: vector, instruction, privilege level, stack`, async () => {
      const end = await run({ cpl, code: [0x90, ...UD2, 0x90] });
      assert.deepEqual(end.kind === 'trap' ? end.trap : describeEnd(end), {
        vector: 6,
        errorCode: undefined,
        rip: addresses[cpl === 0 ? 'kernelCode' : 'userCode'] + 1,
        cpl,
        stack: 'kernel',
      });
    });
  }

  it('tells a ud2 under test from the one at its end', async () => {
    assert.equal(describeEnd(await run({ cpl: 3, code: UD2 })), '#UD');
    assert.equal(describeEnd(await run({ cpl: 3, code: [0x90] })), 'runs');
  });

  it('finds error code and address of a page fault', async () => {
    const end = await run({ cpl: 3, code: [0x8a, 0x03], registers: { rbx: addresses.kernelData + 5 } });
    assert.equal(describeEnd(end), '#PF(0x5)');
    assert.equal(end.kind === 'trap' ? end.cr2 : 0n, BigInt(addresses.kernelData + 5));
  });

  it('has no port and no page beyond its own: both come to the VMM as what they are', async () => {
    assert.equal(describeEnd(await run({ cpl: 3, code: [0x8a, 0x03], registers: { rbx: addresses.page } })), 'KVM_EXIT_MMIO');
    assert.equal(describeEnd(await run({ cpl: 0, code: [0xe6, 0x80] })), 'KVM_EXIT_IO');
  });

  it('is shut down by a fault that it has no gate for, nor one for what follows', async () => {
    const end = await run({ cpl: 3, code: [0xf7, 0xf1] }, ({ memory }) => {
      for (const vector of [0, 8, 11, 13]) memory.setGate(vector, 'absent');
    });
    assert.equal(describeEnd(end), 'KVM_EXIT_SHUTDOWN');
  });

  it('does not hold whoever runs it: a loop is left when the time is over, and not taken for retries', async () => {
    assert.deepEqual(await run({ cpl: 3, code: SPIN, limitMs: 60 }), { kind: 'stays', retries: false });
  });

  it('starts from the beginning after a restart', async () => {
    const page = nativeAddon().Mapping.anonymous(PAGE_SIZE, PROT_READ | PROT_WRITE);
    try {
      await TinyGuest.with(kvm, { cpl: 3, code: [0x48, 0xff, 0x03], page, registers: { rbx: addresses.page } }, (guest) => {
        for (const expected of [1, 2, 3]) {
          assert.deepEqual(guest.run(), { kind: 'end' });
          const bytes = new Uint8Array(1);
          page.read(0, bytes);
          assert.equal(bytes[0], expected);
          guest.restart();
        }
      });
    } finally {
      page.close();
    }
  });

  it('closes everything, also when its body throws', async () => {
    const before = nativeAddon().liveHandles();
    await assert.rejects(
      TinyGuest.with(kvm, { cpl: 3, code: SPIN }, () => {
        throw new Error('on purpose');
      }),
      /on purpose/,
    );
    assert.deepEqual(nativeAddon().liveHandles(), before);
  });
});

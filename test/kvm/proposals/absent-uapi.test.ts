import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { EINVAL, ENOENT, FaultLabError } from '../../../lib/errors/index.js';
import {
  Kvm,
  NativeAsyncPf2026,
  NativeAsyncPfUser2024,
  NativeExitless2026,
  NativeUserfaultReady,
  NativeUserfaultSlot,
  probeUapi,
  requireUapi,
  type NativeCompletion,
  type UapiSupport,
  type Vcpu,
  type Vm,
} from '../../../lib/kvm/index.js';
import { nativeAddon, type NativeMapping } from '../../../lib/native/index.js';
import { gpa, PROT_READ, PROT_WRITE } from '../../../lib/uapi/index.js';
import { KVM_MEM_USERFAULT, UAPI_NAMES, UAPI_PROFILES, type UapiName } from '../../../lib/uapi/proposals/index.js';
import { requireKvm } from '../../support/kvm-available.js';
import { skip } from '../../support/skip.js';
import { patience } from '../../support/slowness.js';
import { withRealModeGuest } from '../guests.js';
import type { ReadyWorkerData } from './ready-worker.js';

const PAGE = 4096;
const BASE = gpa(0x1_0000_0000n);

function failsWith(code: string, call: () => unknown, message = /./): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof FaultLabError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

function supportOf(name: UapiName): UapiSupport {
  const kvm = Kvm.open();
  try {
    return probeUapi(kvm, UAPI_PROFILES[name]);
  } finally {
    kvm.close();
  }
}

function withVcpu(body: (context: { vm: Vm; vcpu: Vcpu; memory: NativeMapping; bitmap: NativeMapping }) => void): void {
  const kvm = Kvm.open();
  const vm = kvm.createVm();
  const vcpu = vm.createVcpu(0);
  const [memory, bitmap] = [64 * PAGE, PAGE].map((bytes) => nativeAddon().Mapping.anonymous(bytes, PROT_READ | PROT_WRITE));
  try {
    body({ vm, vcpu, memory, bitmap });
  } finally {
    vcpu.close();
    for (const handle of [vm, memory, bitmap, kvm]) handle.close();
  }
}

/** Skips where the kernel has the proposal: then there is nothing that it could refuse. */
function requireAbsent(context: Mocha.Context, name: UapiName): void {
  requireKvm(context);
  if (supportOf(name).native) skip(context, `this kernel has ${name}`, { hostCannot: true });
}

describe('probes of the proposals', () => {
  before(function () {
    requireKvm(this);
  });

  for (const name of UAPI_NAMES) {
    it(`ask this kernel for ${name}, the same each time, and leave nothing open`, () => {
      const before = nativeAddon().liveHandles();
      const support = supportOf(name);
      assert.equal(support.name, name);
      assert.ok(support.facts.length >= 2, 'one fact is no cross-check');
      assert.match(support.why, support.native ? /^this kernel has / : /^this kernel does not have /);
      assert.deepEqual(supportOf(name), support);
      assert.deepEqual(nativeAddon().liveHandles(), before);
      if (support.native) requireUapi(support);
      else {
        failsWith('UAPI_ABSENT', () => {
          requireUapi(support);
        }, /^this kernel does not have /);
      }
    });
  }

  it('do not take a merged capability under a proposal\'s name for it', function () {
    requireAbsent(this, 'userfault');
    const kvm = Kvm.open();
    // KVM_CAP_IMMEDIATE_EXIT: a number that every kernel answers.
    const support = probeUapi(kvm, UAPI_PROFILES.userfault, { userfault: 136 });
    kvm.close();
    assert.equal(support.native, false);
    assert.match(support.why, /belongs to something else/);
  });
});

describe('native calls of a proposal that this kernel does not have', () => {
  describe('userfault', () => {
    before(function () {
      requireAbsent(this, 'userfault');
    });

    it('a slot is refused for its flag, not for its shape, and is not left behind', () => {
      withVcpu(({ vm, memory, bitmap }) => {
        const options = { slot: 0, gpa: BASE, sizeBytes: 64 * PAGE, mapping: memory, userfaultBitmap: bitmap };
        failsWith('UAPI_ABSENT', () => new NativeUserfaultSlot(vm, options), /does not have memslot flag KVM_MEM_USERFAULT: it answers EINVAL/);
        failsWith('UAPI_ABSENT', () => new NativeUserfaultSlot(vm, { ...options, twoBits: true }), /KVM_MEM_USERFAULT \| KVM_MEM_USERFAULT_ASYNC/);
        vm.createMemorySlot(options).delete();
      });
    });

    it('a slot without interception is taken, and interception refused', () => {
      withVcpu(({ vm, memory, bitmap }) => {
        const slot = new NativeUserfaultSlot(vm, { slot: 0, gpa: BASE, sizeBytes: 64 * PAGE, mapping: memory, userfaultBitmap: bitmap, intercepting: false });
        assert.equal(slot.intercepting, false);
        failsWith('UAPI_ABSENT', () => {
          slot.intercept(true);
        });
        assert.equal(slot.intercepting, false);
        slot.intercept(false);
        slot.delete();
      });
    });

    it('what is wrong with a slot itself stays what is wrong', () => {
      withVcpu(({ vm, memory, bitmap }) => {
        const options = { slot: 0, gpa: BASE, sizeBytes: 64 * PAGE, mapping: memory, userfaultBitmap: bitmap };
        failsWith('BAD_ARGUMENT', () => new NativeUserfaultSlot(vm, { ...options, sizeBytes: 65 * PAGE }));
        failsWith('KVM_EINVAL', () => new NativeUserfaultSlot(vm, { ...options, slot: 0x7fff_0000 }));
        const short = nativeAddon().Mapping.anonymous(PAGE, PROT_READ | PROT_WRITE);
        const large = nativeAddon().Mapping.anonymous(32769 * PAGE, PROT_READ | PROT_WRITE, 0x4000);
        failsWith('BAD_ARGUMENT', () => new NativeUserfaultSlot(vm, { ...options, mapping: large, sizeBytes: 32769 * PAGE, userfaultBitmap: short }), /4104 bytes/);
        failsWith('BAD_ARGUMENT', () => new NativeUserfaultSlot(vm, { ...options, mapping: large, sizeBytes: 16385 * PAGE, userfaultBitmap: short, twoBits: true }), /4104 bytes/);
        failsWith('UAPI_ABSENT', () => new NativeUserfaultSlot(vm, { ...options, mapping: large, sizeBytes: 16384 * PAGE, userfaultBitmap: short, twoBits: true }));
        short.close();
        failsWith('HANDLE_CLOSED', () => new NativeUserfaultSlot(vm, { ...options, userfaultBitmap: short }));
        failsWith('BAD_ARGUMENT', () => new NativeUserfaultSlot(vm, { ...options, userfaultBitmap: { hva: 0n } as never }));
        large.close();
        vm.close();
        failsWith('HANDLE_CLOSED', () => new NativeUserfaultSlot(vm, options));
      });
    });
  });

  const completions: readonly { readonly name: UapiName; readonly request: string; readonly make: (share: number) => NativeCompletion }[] = [
    { name: 'async-pf-user-2024', request: 'KVM_ASYNC_PF_USER_READY', make: (share) => new NativeAsyncPfUser2024(share) },
    { name: 'async-pf-userfault-2026', request: 'KVM_ASYNC_PF', make: (share) => new NativeAsyncPf2026(share) },
    { name: 'sync-async-2bit', request: 'KVM_USERFAULT_READY', make: (share) => new NativeUserfaultReady(share) },
  ];
  for (const { name, request, make } of completions) {
    describe(`${name}: ${request}`, () => {
      before(function () {
        requireAbsent(this, name);
      });

      it('is absent, by name and errno', () => {
        withVcpu(({ vcpu }) => {
          const completion = make(vcpu.share());
          assert.equal(completion.tryReady(0x1000), EINVAL);
          failsWith('UAPI_ABSENT', () => {
            completion.ready(0x1000);
          }, new RegExp(`this kernel does not have ${request}: it answers EINVAL`));
        });
      });

      it('of a closed vCPU, or of one never made, is a bad share', () => {
        withVcpu(({ vm, vcpu }) => {
          const completion = make(vcpu.share());
          vcpu.close();
          failsWith('BAD_SHARE', () => completion.tryReady(0x1000));
          failsWith('BAD_SHARE', () => make(vm.share()).tryReady(0x1000));
          failsWith('BAD_ARGUMENT', () => make(-1).tryReady(0x1000));
        });
      });

      it('takes no junk for what names the fault', () => {
        withVcpu(({ vcpu }) => {
          for (const junk of [-1, 0.5, NaN, Infinity, 2 ** 53, '1', undefined, null, {}]) failsWith('BAD_ARGUMENT', () => make(vcpu.share()).tryReady(junk as never));
        });
      });
    });
  }

  describe('async-pf-userfault-2026: what belongs to the vCPU\'s thread', () => {
    before(function () {
      requireAbsent(this, 'async-pf-userfault-2026');
    });

    it('capability, acceptance, eventfds and shared page are absent, each by name', () => {
      withVcpu(({ vcpu }) => {
        const { EventFd } = nativeAddon();
        const [notify, complete] = [new EventFd(), new EventFd()];
        const exitless = new NativeExitless2026(vcpu, 246);
        const calls: readonly (readonly [() => unknown, RegExp])[] = [
          [() => { exitless.enable(); }, /KVM_CAP_ASYNC_PF_USERFAULT \(capability 246\)/],
          [() => { new NativeAsyncPf2026(vcpu.share()).accept(0x1000); }, /KVM_ASYNC_PF:/],
          [() => { exitless.setEventfds(notify, complete); }, /KVM_SET_APF_EVENTFD:/],
          [() => { exitless.clearEventfds(); }, /KVM_SET_APF_EVENTFD:/],
          [() => exitless.mapSharedPage(), /the shared page/],
        ];
        for (const [call, message] of calls) failsWith('UAPI_ABSENT', call, message);
        notify.close();
        failsWith('HANDLE_CLOSED', () => {
          exitless.setEventfds(notify, complete);
        });
        complete.close();
      });
    });

    it('of a closed vCPU they say so', () => {
      withVcpu(({ vcpu }) => {
        const exitless = new NativeExitless2026(vcpu, 246);
        vcpu.close();
        failsWith('HANDLE_CLOSED', () => {
          exitless.enable();
        });
        failsWith('HANDLE_CLOSED', () => exitless.mapSharedPage());
        failsWith('HANDLE_CLOSED', () => {
          exitless.clearEventfds();
        });
      });
    });
  });
});

describe('completions from another thread', function () {
  this.timeout(patience(30_000));

  it('come back while the vCPU runs, whether the kernel knows the request or not', async function () {
    requireKvm(this);
    const results = new SharedArrayBuffer(16);
    const words = new Int32Array(results);
    let worker: Worker | undefined;
    // jmp . : a guest that leaves KVM_RUN only when its slice ends.
    withRealModeGuest([0xeb, 0xfe], ({ vcpu }) => {
      const workerData: ReadyWorkerData = { share: vcpu.share(), results };
      worker = new Worker(new URL('./ready-worker.js', import.meta.url), { workerData });
      for (let slice = 0; slice < patience(200) && Atomics.load(words, 0) === 0; slice++) vcpu.run();
      assert.equal(Atomics.load(words, 0), 1, 'the calls did not come back within 200 slices');
    });
    if (worker !== undefined) await once(worker, 'exit');
    for (const errno of words.subarray(1)) assert.ok([EINVAL, ENOENT].includes(errno), `errno ${errno}`);
  });
});

describe('KVM_MEM_USERFAULT', () => {
  it('is no flag that a stock slot takes by other ways either', function () {
    requireAbsent(this, 'userfault');
    withVcpu(({ vm, memory }) => {
      failsWith('KVM_EINVAL', () => vm.createMemorySlot({ slot: 0, gpa: BASE, sizeBytes: PAGE, mapping: memory, flags: KVM_MEM_USERFAULT }));
    });
  });
});

import { strict as assert } from 'node:assert';
import { Kvm, probeUapi } from '../../lib/kvm/index.js';
import { NativeResolverEnd } from '../../lib/machine/uapi/native-resolver-end.js';
import { SharedModel } from '../../lib/machine/uapi/shared-model.js';
import { UAPI_PROFILES } from '../../lib/uapi/proposals/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';

describe('the native end of a proposal at a resolver', () => {
  it('does not take a completion that KVM refuses for one that came too late: the guest would wait for ever', function () {
    requireKvm(this);
    const kvm = Kvm.open();
    const vm = kvm.createVm();
    const vcpu = vm.createVcpu(0);
    try {
      if (probeUapi(kvm, UAPI_PROFILES['async-pf-user-2024']).native) skip(this, 'this kernel has async-pf-user-2024', { hostCannot: true });
      const shared = new SharedModel(SharedModel.allocate('async-pf-user-2024', { vcpus: 1, pages: 1, baseGpa: 0 }, true, false, true));
      shared.setVcpuShare(0, vcpu.share());
      const end = new NativeResolverEnd(shared);
      assert.throws(() => end.ready(0, 0, 1), { code: 'PROPOSAL_REFUSED', message: /complete the async page fault of page 0 on vCPU 0: EINVAL/ });
      assert.equal(shared.stale(0), 0);
      vcpu.close();
      end.ready(0, 0, 1);
      assert.equal(shared.stale(0), 1, 'a vCPU that is gone needs no completion');
    } finally {
      vcpu.close();
      vm.close();
      kvm.close();
    }
  });
});

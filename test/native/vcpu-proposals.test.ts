import assert from 'node:assert/strict';
import { nativeAddon } from '../../lib/native/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { throwsCode } from './support/coded.js';
import { EFAULT, PAGE } from './support/constants.js';
import { HLT, realModeGuest, type RealModeGuest } from './support/real-mode.js';

const { Mapping, Vcpu } = nativeAddon();

const EINVAL = 22;
const KVM_RUN = 0xae80;
const KVM_GET_REGS = 0x8090ae81;
const KVM_SET_REGS = 0x4090ae82;
const KVM_SET_MP_STATE = 0x4004ae99;
const KVM_ASYNC_PF = 0x4020aed6;
/** A number that KVM gave to nothing. */
const UNUSED = 0x4020aeff;
const JUNK = [-1, 0.5, NaN, 2 ** 53, '1', undefined, null, {}];

describe('native Vcpu: what proposals need', () => {
  let guest: RealModeGuest;
  before(function () {
    requireKvm(this);
  });
  beforeEach(() => {
    guest = realModeGuest(HLT);
  });
  afterEach(() => {
    guest.close();
  });

  describe('ioctlUnreadable', () => {
    it('tells a request that KVM knows from one that it does not', () => {
      assert.equal(guest.vcpu.ioctlUnreadable(KVM_SET_REGS), -EFAULT);
      assert.equal(guest.vcpu.ioctlUnreadable(KVM_SET_MP_STATE), -EFAULT);
      assert.equal(guest.vcpu.ioctlUnreadable(UNUSED), -EINVAL);
    });

    it('makes no request that could do something without its argument', () => {
      for (const request of [KVM_RUN, KVM_GET_REGS, 0, ...JUNK]) throwsCode('BAD_ARGUMENT', () => guest.vcpu.ioctlUnreadable(request as never));
    });

    it('says that the vCPU is closed', () => {
      guest.vcpu.close();
      throwsCode('HANDLE_CLOSED', () => guest.vcpu.ioctlUnreadable(KVM_SET_REGS));
    });
  });

  describe('asyncIoctl', () => {
    it('makes none but the requests that may come from any thread', () => {
      for (const request of [KVM_RUN, KVM_GET_REGS, KVM_SET_REGS, UNUSED, 0x4018aed9, 0]) {
        throwsCode('VCPU_WRONG_THREAD', () => Vcpu.asyncIoctl(guest.vcpu.share(), request, new Uint8Array(4096)));
        throwsCode('VCPU_WRONG_THREAD', () => Vcpu.asyncIoctl(guest.vcpu.share(), request, null));
      }
    });

    it('wants an argument as long as the request says, or null', () => {
      for (const argument of [undefined, 0, 'x', {}, new Uint8Array(31), new Uint32Array(64)]) throwsCode('BAD_ARGUMENT', () => Vcpu.asyncIoctl(guest.vcpu.share(), KVM_ASYNC_PF, argument as never));
      for (const junk of JUNK) throwsCode('BAD_ARGUMENT', () => Vcpu.asyncIoctl(junk as never, KVM_ASYNC_PF, null));
      assert.ok([-EINVAL, -EFAULT].includes(Vcpu.asyncIoctl(guest.vcpu.share(), KVM_ASYNC_PF, null)));
    });

    it('of a vCPU that is closed, or never was, is a bad share', () => {
      const share = guest.vcpu.share();
      guest.vcpu.close();
      for (const number of [share, guest.vm.share(), Number.MAX_SAFE_INTEGER]) throwsCode('BAD_SHARE', () => Vcpu.asyncIoctl(number, KVM_ASYNC_PF, null));
    });
  });

  describe('mapPage', () => {
    it('maps what the run area shows, for other handles too, and outlives the vCPU', () => {
      const page = guest.vcpu.mapPage(0);
      assert.equal(page.sizeBytes, PAGE);
      const buffer = page.view();
      const view = new DataView(buffer);
      view.setUint8(1, 7); // immediate_exit
      assert.equal(guest.run.getUint8(1), 7);
      const adopted = Mapping.adopt(page.share());
      guest.vcpu.close();
      assert.equal(new DataView(adopted.view()).getUint8(1), 7);
      adopted.close();
      page.close();
      assert.equal(buffer.byteLength, 0);
    });

    it('finds out where KVM has nothing, and survives it', () => {
      // Between the run area's three pages and the dirty ring's.
      throwsCode('VCPU_NO_PAGE', () => guest.vcpu.mapPage(40));
      assert.equal(guest.vcpu.run(), 0);
    });

    it('lets nobody drop a page that JavaScript sees: KVM may not have it any more', () => {
      const page = guest.vcpu.mapPage(0);
      page.view();
      throwsCode('MAPPING_HAS_VIEWS', () => {
        page.advise(0, PAGE, 4); // MADV_DONTNEED
      });
      throwsCode('MAPPING_HAS_VIEWS', () => {
        page.protect(0, PAGE, 0);
      });
      page.close();
    });

    it('takes no junk for a page', () => {
      for (const junk of [...JUNK, 2 ** 40]) throwsCode('BAD_ARGUMENT', () => guest.vcpu.mapPage(junk as never));
      guest.vcpu.close();
      throwsCode('HANDLE_CLOSED', () => guest.vcpu.mapPage(0));
    });
  });
});

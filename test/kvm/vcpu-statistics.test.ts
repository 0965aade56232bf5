import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { VcpuStatistics } from '../../lib/kvm/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { skip } from '../support/skip.js';
import { withRealModeGuest } from './guests.js';

const OUT_AL_10 = [0xe6, 0x10];

describe('statistics of a vCPU', () => {
  before(function () {
    requireKvm(this);
    const offered = withRealModeGuest(OUT_AL_10, ({ vm }) => vm.checkExtension('BINARY_STATS_FD'));
    if (offered === 0) skip(this, 'this KVM has no KVM_CAP_BINARY_STATS_FD', { hostCannot: true });
  });

  it('count what the vCPU does, by name', () => {
    withRealModeGuest([...OUT_AL_10, ...OUT_AL_10, ...OUT_AL_10], ({ vcpu, runToExit }) => {
      const statistics = VcpuStatistics.of(vcpu);
      try {
        const exits = (): number => statistics.value('exits') ?? NaN;
        const before = exits();
        for (let at = 0; at < 3; at++) assert.equal(runToExit().kind, 'io');
        assert(exits() >= before + 3, `${exits()} exits after three, ${before} before`);
      } finally {
        statistics.close();
      }
    });
  });

  it('know single values only: histograms and names that are not there are undefined', () => {
    withRealModeGuest(OUT_AL_10, ({ vcpu }) => {
      const statistics = VcpuStatistics.of(vcpu);
      try {
        assert(statistics.names.length > 10);
        assert(statistics.names.every((name) => /^[a-z0-9_]+$/.test(name)), statistics.names.join(' '));
        assert.equal(statistics.value('no_such_thing'), undefined);
        assert(!statistics.names.some((name) => name.endsWith('_hist')), statistics.names.join(' '));
      } finally {
        statistics.close();
      }
    });
  });

  it('leave no descriptor open, closed twice', () => {
    withRealModeGuest(OUT_AL_10, ({ vcpu }) => {
      const before = readdirSync('/proc/self/fd').length;
      const statistics = VcpuStatistics.of(vcpu);
      statistics.close();
      statistics.close();
      assert.equal(readdirSync('/proc/self/fd').length, before);
    });
  });
});

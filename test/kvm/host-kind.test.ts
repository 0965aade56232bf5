import assert from 'node:assert/strict';
import { classifyHost, readHost, type HostFacts } from '../../lib/kvm/host-kind.js';

const base: HostFacts = { cpuinfo: '', modules: [], dmi: '', clockSources: ['tsc', 'hpet'], kernelRelease: '6.12.0' };

function cpuinfo(model: string, flags: string, count = 1): string {
  return Array.from({ length: count }, (_, at) => `processor\t: ${at}\nmodel name\t: ${model}\nflags\t\t: fpu ${flags} lm\n`).join('\n');
}

describe('classifyHost', () => {
  it('knows the three kinds of KVM by module and CPU flag', () => {
    assert.equal(classifyHost({ ...base, cpuinfo: cpuinfo('Intel', 'vmx'), modules: ['kvm', 'kvm_intel'] }).kind, 'VMX');
    assert.equal(classifyHost({ ...base, cpuinfo: cpuinfo('AMD', 'svm'), modules: ['kvm', 'kvm_amd'] }).kind, 'SVM');
    assert.equal(classifyHost({ ...base, cpuinfo: cpuinfo('AMD', 'hypervisor'), modules: ['kvm', 'kvm_pvm'] }).kind, 'PVM');
  });

  it('does not take a built-in module that could not start for the one in charge', () => {
    assert.equal(classifyHost({ ...base, cpuinfo: cpuinfo('AMD', 'hypervisor'), modules: ['kvm', 'kvm_amd', 'kvm_intel', 'kvm_pvm'] }).kind, 'PVM');
    assert.equal(classifyHost({ ...base, cpuinfo: cpuinfo('AMD', ''), modules: ['kvm', 'kvm_amd'] }).kind, 'unknown');
    assert.equal(classifyHost({ ...base, cpuinfo: cpuinfo('AMD', 'svm'), modules: ['kvm', 'kvm_amd', 'kvm_pvm'] }).kind, 'SVM');
  });

  it('does not find a flag inside another flag', () => {
    assert.equal(classifyHost({ ...base, cpuinfo: cpuinfo('AMD', 'svm_lock'), modules: ['kvm_amd'] }).kind, 'unknown');
  });

  it('tells QEMU that emulates from QEMU that uses KVM: only the first makes times meaningless', () => {
    const tcg = classifyHost({ ...base, cpuinfo: cpuinfo('QEMU TCG CPU version 2.5+', 'svm hypervisor', 2), modules: ['kvm_amd'], dmi: 'QEMU Standard PC' });
    assert.deepEqual([tcg.kind, tcg.emulated, tcg.virtualized, tcg.cpuCount], ['SVM', true, true, 2]);
    const namedModel = classifyHost({ ...base, cpuinfo: cpuinfo('AMD EPYC Processor', 'svm hypervisor'), dmi: 'QEMU Standard PC' });
    assert.equal(namedModel.emulated, true);
    const nested = classifyHost({ ...base, cpuinfo: cpuinfo('AMD EPYC Processor', 'svm hypervisor'), dmi: 'QEMU Standard PC', clockSources: ['kvm-clock', 'tsc'] });
    assert.deepEqual([nested.emulated, nested.virtualized], [false, true]);
  });

  it('takes bare metal for what it is', () => {
    const metal = classifyHost({ ...base, cpuinfo: cpuinfo('Intel(R) Xeon(R)', 'vmx', 4), modules: ['kvm_intel'], dmi: 'Dell Inc. PowerEdge' });
    assert.deepEqual(metal, { kind: 'VMX', kernelRelease: '6.12.0', cpuModel: 'Intel(R) Xeon(R)', cpuCount: 4, virtualized: false, emulated: false });
  });

  it('says so where there is nothing to judge by', () => {
    assert.deepEqual(classifyHost(base), { kind: 'unknown', kernelRelease: '6.12.0', cpuModel: 'unknown CPU', cpuCount: 1, virtualized: false, emulated: false });
  });
});

describe('readHost', () => {
  it('reads the host this test runs on', () => {
    const host = readHost();
    assert.match(host.kernelRelease, /^\d+\.\d+/);
    assert.ok(host.cpuCount >= 1);
    assert.notEqual(host.cpuModel, 'unknown CPU');
  });
});

import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import { FaultLabError } from '../../lib/errors/index.js';
import { checksOf } from '../../lib/cli/doctor/checks.js';
import type { Check } from '../../lib/cli/doctor/check.js';
import type { Observations } from '../../lib/cli/doctor/observations.js';
import { proposalVerdicts, type ProposalVerdict } from '../../lib/cli/doctor/proposals.js';
import { UAPI_NAMES } from '../../lib/uapi/proposals/index.js';
import { modeVerdicts, type ModeVerdict } from '../../lib/cli/doctor/modes.js';
import { examine } from '../../lib/cli/doctor/report.js';
import { render } from '../../lib/cli/doctor/render.js';
import { absent, capabilityValues, observations, kvmObservations } from './doctor-observations.js';

function check(id: string, changes: Partial<Observations>): Check {
  const found = checksOf(observations(changes)).find((line) => line.id === id);
  assert.ok(found, `there is no line ${id}`);
  return found;
}

function mode(name: ModeVerdict['mode'], changes: Partial<Observations>): ModeVerdict {
  const found = modeVerdicts(observations(changes)).find((verdict) => verdict.mode === name);
  assert.ok(found);
  return found;
}

const cannot = (changes: Partial<Observations>): string[] =>
  modeVerdicts(observations(changes))
    .filter(({ status }) => status === 'cannot')
    .map((verdict) => verdict.mode);

const ALL = ['sync-uffd', 'sync-exit', 'apf-kernel', 'apf-user'];

describe('doctor: lines', () => {
  it('finds nothing wrong where nothing is', () => {
    assert.deepEqual(
      checksOf(observations()).filter(({ status }) => status !== 'ok'),
      [],
    );
  });

  it('gives a remedy wherever something is not as it should be, and an id of its own to each line', () => {
    const broken: Partial<Observations>[] = [
      { node: { version: '18.19.0', napi: 9 } },
      { addon: absent('ADDON_NOT_BUILT') },
      { guest: { path: '/x', built: false } },
      { host: { ...observations().host, kind: 'unknown' } },
      { host: { ...observations().host, emulated: true } },
      { device: absent('KVM_EACCES'), kvm: absent('KVM_EACCES') },
      { device: absent('KVM_ENOENT'), kvm: absent('KVM_ENOENT'), addon: absent('ADDON_NOT_BUILT'), uffd: absent('ADDON_NOT_BUILT') },
      { kvm: kvmObservations({ vm: absent('KVM_ENOMEM'), device: capabilityValues({ SPLIT_IRQCHIP: 0, PRE_FAULT_MEMORY: 0 }), pvFeatures: 0 }) },
      { uffd: absent('UFFD_EPERM') },
      { uffd: { found: true, value: { features: [], way: '/dev/userfaultfd' } } },
      { memory: { totalBytes: 2 ** 29, availableBytes: 2 ** 27 } },
    ];
    for (const changes of broken) {
      const lines = checksOf(observations(changes));
      assert.ok(
        lines.some(({ status }) => status !== 'ok'),
        `nothing is wrong with ${JSON.stringify(changes)}`,
      );
      assert.equal(new Set(lines.map(({ id }) => id)).size, lines.length);
      for (const line of lines) {
        assert.equal(line.remedy !== undefined, line.status !== 'ok', `${line.id}: ${line.status}, remedy ${line.remedy ?? 'none'}`);
        assert.ok(line.remedy !== '' && line.found !== '' && line.meaning !== '', `${line.id} says nothing`);
      }
    }
  });

  it('names the packages of the missing tools when the addon is not built', () => {
    const line = check('addon', {
      addon: absent('ADDON_NOT_BUILT'),
      buildTools: [
        { program: 'g++', aptPackage: 'g++', present: false },
        { program: 'make', aptPackage: 'make', present: true },
        { program: 'python3', aptPackage: 'python3', present: false },
      ],
    });
    assert.equal(line.status, 'missing');
    assert.match(line.found, /ADDON_NOT_BUILT.*no g\+\+, python3/);
    assert.equal(line.remedy, 'sudo apt-get install g++ python3; then npm run build:native');
    assert.equal(check('addon', { addon: absent('ADDON_NOT_BUILT') }).remedy, 'npm run build:native');
  });

  it('names the lab wherever /dev/kvm cannot be had, and as JSON the emulated host', () => {
    for (const code of ['KVM_ENOENT', 'KVM_ENXIO', 'KVM_ENODEV', 'KVM_EACCES', 'KVM_EPERM']) {
      assert.match(check('dev-kvm', { device: absent(code) }).remedy ?? '', /kvm-faultlab --lab/, code);
    }
    const host = { ...observations().host, emulated: true };
    assert.match(check('host', { host }).found, /CPU EMULATED/);
    assert.equal(examine(observations({ host })).host.emulated, true);
  });

  it('tells no permission from no device', () => {
    assert.match(check('dev-kvm', { device: absent('KVM_EACCES') }).remedy ?? '', /kvm "\$USER"/);
    assert.match(check('dev-kvm', { device: absent('KVM_ENOENT') }).remedy ?? '', /modprobe/);
  });

  it('shows both answers where /dev/kvm and a VM differ, and counts the VM', () => {
    const kvm = kvmObservations({ device: capabilityValues({ MEMORY_ATTRIBUTES: 8, ASYNC_PF: 0 }), vm: { found: true, value: capabilityValues({ MEMORY_ATTRIBUTES: 0, ASYNC_PF: 1 }) } });
    const line = check('cap-memory-attributes', { kvm });
    assert.deepEqual([line.status, line.found], ['warn', 'VM 0, /dev/kvm 8']);
    assert.equal(check('cap-async-pf', { kvm }).status, 'ok');
  });

  it('compares Node versions as numbers, and wants the Node-API level as well', () => {
    assert.equal(check('node', { node: { version: '24.1.0', napi: 10 } }).status, 'ok');
    assert.equal(check('node', { node: { version: '20.17.0', napi: 9 } }).status, 'ok');
    assert.equal(check('node', { node: { version: '20.9.0', napi: 9 } }).status, 'missing');
    assert.equal(check('node', { node: { version: '22.1.0', napi: 8 } }).status, 'missing');
    assert.equal(check('node', { node: { version: '9.99.0', napi: 9 } }).status, 'missing');
  });
});

describe('doctor: delivery modes', () => {
  it('says which are native and which are emulated on a stock kernel', () => {
    assert.deepEqual(
      modeVerdicts(observations()).map(({ mode: name, status }) => `${name} ${status}`),
      ['sync-uffd native', 'sync-exit emulated', 'apf-kernel native', 'apf-user emulated'],
    );
  });

  it('gives up all of them for what all need', () => {
    for (const changes of [
      { addon: absent('ADDON_NOT_BUILT') },
      { guest: { path: '/x', built: false } },
      { kvm: absent('KVM_ENOENT') },
      { kvm: kvmObservations({ vm: absent('KVM_ENOMEM') }) },
      { kvm: kvmObservations({ vm: { found: true, value: capabilityValues({ SPLIT_IRQCHIP: 0 }) } }) },
    ] satisfies Partial<Observations>[]) {
      assert.deepEqual(cannot(changes), ALL, JSON.stringify(changes));
    }
  });

  it('gives up only those that need what is missing', () => {
    const without = (name: Parameters<typeof capabilityValues>[0]): Partial<Observations> => ({ kvm: kvmObservations({ vm: { found: true, value: capabilityValues(name) } }) });
    assert.deepEqual(cannot(without({ ASYNC_PF_INT: 0 })), ['apf-kernel']);
    assert.deepEqual(cannot({ kvm: kvmObservations({ pvFeatures: 1 << 4 }) }), ['apf-kernel']);
    assert.deepEqual(cannot(without({ X86_MSR_FILTER: 0 })), ['apf-user']);
    assert.deepEqual(cannot(without({ EXCEPTION_PAYLOAD: 0 })), ['apf-user']);
    assert.deepEqual(cannot(without({ SYNC_REGS: 0 })), ['sync-exit', 'apf-user']);
    // MWAIT alone is not enough: only HLT keeps KVM from halting a vCPU that waits.
    assert.deepEqual(cannot(without({ X86_DISABLE_EXITS: 1 })), ['sync-uffd', 'sync-exit', 'apf-user']);
    assert.deepEqual(cannot(without({ MEMORY_FAULT_INFO: 0, GUEST_MEMFD: 0 })), []);
    assert.deepEqual(cannot({ uffd: { found: true, value: { features: ['MISSING_SHMEM', 'MINOR_SHMEM', 'THREAD_ID'], way: 'userfaultfd(2)' } } }), ['sync-exit', 'apf-user']);
    assert.deepEqual(cannot({ uffd: { found: true, value: { features: ['MISSING_SHMEM', 'MINOR_SHMEM', 'SIGBUS'], way: 'userfaultfd(2)' } } }), ['sync-uffd', 'apf-kernel']);
  });

  it('names the first thing to remedy, not all that depends on it', () => {
    const verdict = mode('apf-kernel', { addon: absent('ADDON_NOT_BUILT'), kvm: absent('ADDON_NOT_BUILT'), uffd: absent('ADDON_NOT_BUILT') });
    assert.equal(verdict.why, 'the native addon is not built');
    assert.equal(verdict.remedy, 'See the line "native addon".');
  });
});

describe('doctor: the table', () => {
  const report = (changes: Partial<Observations> = {}): Parameters<typeof render>[0] => {
    const facts = observations(changes);
    const modes = modeVerdicts(facts);
    return { checks: checksOf(facts), modes, proposals: proposalVerdicts(facts, modes) };
  };

  it('has a line for each check and each mode, in aligned columns, and no escape codes without a terminal', () => {
    const text = render(report(), { colors: false, width: 120 });
    assert.equal(text, stripVTControlCharacters(text));
    for (const { title } of checksOf(observations())) assert.ok(text.includes(title), title);
    for (const name of ALL) assert.ok(text.includes(name), name);
    assert.match(text, /^ok {2}/m);
    const starts = text.split('\n').filter((line) => /^ok /.test(line)).map((line) => /\S/.exec(line.slice(2))?.index);
    assert.equal(new Set(starts).size, 1);
    assert.match(text, /All 4 delivery modes work here\./);
  });

  it('fits the width it is given and loses no word', () => {
    const changes = { device: absent('KVM_EACCES'), kvm: absent('KVM_EACCES'), uffd: { found: false as const, error: new FaultLabError('UFFD_EPERM', 'x') } };
    for (const width of [80, 100, 160]) {
      const text = render(report(changes), { colors: false, width });
      const lines = text.split('\n');
      const widest = Math.max(...lines.filter((line) => !line.trimStart().startsWith('> ')).map((line) => line.length));
      assert.ok(widest <= width, `${widest} columns in ${width}`);
      // A command must survive being copied: no remedy is broken into lines.
      for (const { remedy } of checksOf(observations(changes))) assert.ok(remedy === undefined || lines.some((line) => line.endsWith(`> ${remedy}`)), remedy);
      assert.match(text, /4 of 4 delivery modes cannot run here\./);
    }
  });

  it('loses nothing of a path that is wider than its column', () => {
    const path = `/${'very-long-directory/'.repeat(5)}guest.elf`;
    assert.ok(render(report({ guest: { path, built: true } }), { colors: false, width: 80 }).includes(path));
  });

  it('uses colours on a terminal', () => {
    assert.notEqual(render(report(), { colors: true, width: 120 }), stripVTControlCharacters(render(report(), { colors: true, width: 120 })));
  });
});

describe('doctor: proposals', () => {
  const support = (native: boolean): Observations['proposals'] => ({
    found: true,
    value: UAPI_NAMES.map((name) => ({ name, native, why: `${name}: ${native ? 'there' : 'not there'}`, facts: [{ asked: 'KVM_CHECK_EXTENSION of 245', found: native ? '1' : '0', speaks: native ? 'for' : 'against' }] })),
  });
  const verdicts = (changes: Partial<Observations>): readonly ProposalVerdict[] => {
    const facts = observations(changes);
    return proposalVerdicts(facts, modeVerdicts(facts));
  };

  it('are native where the kernel has them, and emulated where it does not', () => {
    assert.deepEqual(
      verdicts({ proposals: support(true) }).map(({ status }) => status),
      UAPI_NAMES.map(() => 'native'),
    );
    assert.deepEqual(
      verdicts({ proposals: support(false) }).map(({ name, status }) => [name, status]),
      UAPI_NAMES.map((name) => [name, name === 'stock' ? 'cannot' : 'emulated']),
    );
  });

  it('cannot run where the mode cannot whose machinery they use, and say what to do', () => {
    for (const verdict of verdicts({ uffd: absent('UFFD_EPERM'), proposals: support(true) })) {
      assert.equal(verdict.status, 'cannot', verdict.name);
      assert.ok(verdict.remedy, `${verdict.name} has no remedy`);
    }
    for (const verdict of verdicts({ proposals: absent('KVM_ENOMEM') })) assert.equal(verdict.status, 'cannot', verdict.name);
  });

  it('are printed with what the kernel was asked, whether it speaks for them or against', () => {
    const text = (native: boolean): string => {
      const facts = observations({ proposals: support(native) });
      const modes = modeVerdicts(facts);
      return render({ checks: [], modes, proposals: proposalVerdicts(facts, modes) }, { colors: false, width: 120 });
    };
    assert.match(text(true), /^native +userfault +userfault: there\n {4}\+ {2}KVM_CHECK_EXTENSION of 245 +1$/m);
    assert.match(text(false), /^emulated +userfault +userfault: not there\n {4}- {2}KVM_CHECK_EXTENSION of 245 +0$/m);
  });
});

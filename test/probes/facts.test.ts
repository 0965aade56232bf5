/**
 * What the probes say of this host, against other ways to know it: a program without any of the project's code, guests that are built
 * otherwise, the manuals, and what one fact implies for another.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readHost, type VcpuExit } from '../../lib/kvm/index.js';
import { nativeAddon } from '../../lib/native/index.js';
import { collectFacts, userInstructionCode, type Fact } from '../../lib/probes/index.js';
import { capabilities, capabilityTitle, PAGE_SIZE, PROT_NONE, gpa, uffdFeatures, type CapabilityName, type UffdFeatureName } from '../../lib/uapi/index.js';
import { withUserModeGuest, type Guest } from '../kvm/guests.js';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { skip } from '../support/skip.js';
import { patience } from '../support/slowness.js';

const ROOT = new URL('../../../', import.meta.url);

/** What ask-kernel.py prints. */
interface Asked {
  readonly capabilities: Readonly<Record<string, readonly [ofVm: number, ofDevice: number]>>;
  readonly features: number;
  readonly mpStates: readonly [number, number];
  readonly protectedVm: string;
  readonly uffdFeatures: number | null;
  readonly sealOnTmpfs: string | null;
  readonly memoryFailure: boolean;
}

function askKernel(): Asked {
  const numbers = Object.values(capabilities).join(',');
  const script = fileURLToPath(new URL('test/probes/ask-kernel.py', ROOT));
  return JSON.parse(execFileSync('python3', [script, numbers], { encoding: 'utf8', timeout: patience(20_000) })) as Asked;
}

function moduleParameter(module: string, name: string): boolean {
  return /^[Y1]/.test(readFileSync(`/sys/module/${module}/parameters/${name}`, 'utf8'));
}

describe('facts about this host', function () {
  this.timeout(patience(60_000));
  let facts: ReadonlyMap<string, Fact>;

  before(async function () {
    requireKvm(this);
    facts = new Map((await collectFacts()).map((fact) => [fact.id, fact]));
  });

  const answer = (id: string): string => {
    const fact = facts.get(id);
    assert(fact !== undefined, `there is no fact ${id}`);
    assert('answer' in fact, `${id}: ${JSON.stringify(fact)}`);
    return fact.answer;
  };

  it('come from probes of which none crashed or had to be ended', () => {
    const cut = [...facts.values()].filter((fact) => 'cannot' in fact && /its process|was ended|was not run/.test(fact.cannot));
    assert.deepEqual(cut, []);
    noteKvmUse();
  });

  it('of capabilities, CPUID, new vCPUs, userfaultfd, seals and memory failure are what a program in Python is told', () => {
    const asked = askKernel();
    const byTitle = new Map([...facts.values()].map((fact) => [fact.title, fact]));
    const compared = (Object.keys(capabilities) as CapabilityName[]).filter((name) => byTitle.has(capabilityTitle(name)));
    assert(compared.length > 20);
    for (const name of compared) {
      const [ofVm, ofDevice] = asked.capabilities[capabilities[name]];
      assert.equal(answer(byTitle.get(capabilityTitle(name))?.id ?? ''), ofVm === ofDevice ? `${ofVm}` : `${ofVm} (/dev/kvm: ${ofDevice})`, name);
    }
    assert.equal(answer('cpuid-features'), `0x${asked.features.toString(16)}`);
    assert.equal(answer('protected-vm'), asked.protectedVm);
    const state = (number: number): string => ['runnable', 'waits for INIT'][number] ?? `MP state ${number}`;
    assert.deepEqual(['setup-first-vcpu', 'setup-second-vcpu'].map(answer), asked.mpStates.map(state));
    if (asked.uffdFeatures !== null) {
      for (const name of Object.keys(uffdFeatures) as UffdFeatureName[]) {
        const has: boolean = (BigInt(asked.uffdFeatures) & uffdFeatures[name]) !== 0n;
        assert.equal(answer(`uffd-${name.toLowerCase().replaceAll('_', '-')}`), has ? 'yes' : 'no', name);
      }
    }
    if (asked.sealOnTmpfs !== null) assert.equal(answer('seal-tmpfs'), asked.sealOnTmpfs);
    assert.equal(answer('hwpoison'), asked.memoryFailure ? 'yes' : 'no');
  });

  it('about address translation is what the kernel module was told', function () {
    const { kind } = readHost();
    const nested = kind === 'SVM' ? moduleParameter('kvm_amd', 'npt') : kind === 'VMX' ? moduleParameter('kvm_intel', 'ept') : false;
    if (kind === 'unknown') skip(this, 'this kind of host is not known', { hostCannot: true });
    assert.equal(answer('paging-translation'), nested ? 'walked by the CPU (nested paging)' : 'shadowed by KVM');
  });

  it('about CPL3 instructions agree with a guest without any handler: it goes on where they run, and is shut down where they do not', () => {
    // What depends on registers, page tables or an I/O bitmap (this guest's allows every port) that only the probe's guest has.
    const special = new Set(['cpl3-rdtsc-tsd', 'cpl3-supervisor-read', 'cpl3-supervisor-write', 'cpl3-out', 'cpl3-in']);
    const unbacked = gpa(0x1000_0000);
    const storeThere = [0xa2, ...new Uint8Array(BigUint64Array.of(unbacked).buffer)]; // mov %al, unbacked
    let compared = 0;
    for (const [id, code] of userInstructionCode) {
      if (special.has(id)) continue;
      const ran = /^(?:runs|returns -?\d+)$/.test(answer(id));
      const exit = withUserModeGuest([...code, ...storeThere], ({ runToExit }) => runToExit());
      assert.equal(exit.kind, ran ? 'mmio' : 'shutdown', `${id}: ${answer(id)}, but ${exit.kind}`);
      compared++;
    }
    assert(compared > 20);
  });

  it('about CPL3 instructions are what both manuals say, where no host may do otherwise', () => {
    const expected: Readonly<Record<string, string>> = { ud2: '#UD', divide: '#DE', 'int3-dpl3': '#BP', 'supervisor-read': '#PF(0x5)', 'supervisor-write': '#PF(0x7)' };
    for (const [id, words] of Object.entries(expected)) assert.equal(answer(`cpl3-${id}`), words, id);
    for (const id of ['out', 'in', 'cli', 'hlt', 'wbinvd', 'rdmsr', 'mov-cr2', 'swapgs']) assert.equal(answer(`cpl3-${id}`), '#GP(0x0)', id);
  });

  it('about a page that cannot be had are what another guest meets', () => {
    const load = [0xa0, ...new Uint8Array(BigUint64Array.of(0x10_0000n).buffer)]; // mov 0x100000, %al
    const end = ({ runToExit, vm }: Guest): VcpuExit => {
      const mapping = nativeAddon().Mapping.anonymous(PAGE_SIZE, PROT_NONE);
      try {
        vm.createMemorySlot({ slot: 5, gpa: gpa(0x10_0000), sizeBytes: PAGE_SIZE, mapping });
        return runToExit();
      } finally {
        mapping.close();
      }
    };
    const exit = withUserModeGuest(load, end);
    assert.equal(answer('failing-prot-none-cpl3-if1-none'), exit.kind === 'memoryFault' ? 'EFAULT, KVM_EXIT_MEMORY_FAULT with the gpa' : 'EFAULT, exit_reason 0');
    assert(['memoryFault', 'bareEfault'].includes(exit.kind), exit.kind);
  });

  it('about pages that fail and pages that come late have one cause: KVM retries exactly where a thread of its own waits', () => {
    for (const cpl of [0, 3]) {
      for (const state of ['if1-in-kernel', 'if0-in-kernel', 'if1-no-hlt-exits']) {
        const waits = answer(`late-cpl${cpl}-${state}`);
        const fails = answer(`failing-sigbus-cpl${cpl}-${state}`);
        assert.equal(fails === 'KVM_RUN does not return (retries)', waits === 'a thread of the kernel', `CPL${cpl} ${state}: ${fails}, ${waits}`);
      }
    }
  });

  it('about injection and interrupts are what KVM documents for every host', () => {
    for (const id of ['inject-pf-payload', 'inject-pf-cr2']) assert.match(answer(id), /^#PF\(0x4\), its address in CR2$/);
    assert.equal(answer('inject-ve'), '#VE');
    assert.deepEqual(['df', 'nmi', 'mce'].map((id) => answer(`inject-${id}`)), ['#DF(0x0) on its interrupt stack', 'NMI on its interrupt stack', '#MC on its interrupt stack']);
    for (const id of ['msi-hlt-in-kernel', 'msi-hlt-no-hlt-exits', 'msi-loop']) assert.equal(answer(id), 'taken', id);
    assert.equal(answer('hlt-alone-in-kernel'), 'stays in hlt');
    for (const id of ['slot-deleted-cpl3', 'slot-deleted-cpl0', 'slot-readonly-store']) assert.match(answer(id), /^KVM_EXIT_MMIO/, id);
  });

  it('about guest_memfd fit what KVM says of it', () => {
    const offered = Number.parseInt(answer('cap-guest-memfd'), 10) > 0;
    assert.equal(answer('guest-memfd-slot') === 'made', offered, answer('guest-memfd-slot'));
  });

  it('say of long mode without CPUID what KVM_SET_SREGS says to bytes that are made here', () => {
    const { Kvm } = nativeAddon();
    const kvm = new Kvm();
    const vm = kvm.createVm(0);
    const vcpu = vm.createVcpu(0);
    try {
      const sregs = new Uint8Array(312);
      vcpu.getSregs(sregs);
      // efer, at byte 264: only LME, so that nothing else can be at fault.
      new DataView(sregs.buffer).setBigUint64(264, 0x100n, true);
      let refused = '';
      try {
        vcpu.setSregs(sregs);
      } catch (error) {
        refused = error instanceof Error && 'code' in error ? String(error.code) : 'no code';
      }
      assert.equal(answer('setup-long-mode-without-cpuid'), refused === '' ? 'accepted' : refused.replace('KVM_', ''));
    } finally {
      for (const handle of [vcpu, vm, kvm]) handle.close();
    }
  });
});

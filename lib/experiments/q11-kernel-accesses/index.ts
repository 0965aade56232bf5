/** Q11: what becomes of KVM's own accesses to guest memory that is not there. */
import { Kvm } from '../../kvm/index.js';
import { HelperThread } from '../../probes/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import type { Finding, Outcome, Row } from '../frame/report.js';
import { listOf } from '../frame/words.js';
import { KERNEL_ACCESSES } from './accesses.js';
import { MEMORIES, tryKernelAccess, type AccessOutcome, type Memory } from './try-access.js';

/** See the module's comment. */
export const q11: Experiment = {
  id: 'q11',
  question: "Which accesses of KVM's own (emulator, kvmclock, PV EOI, steal time, the async page fault area, page walks) hit memory that is not there, and what comes of it with each interface?",
  method: [
    'A guest of a few instructions makes KVM write or read each kind of area, once, in a page that is there, behind userfaultfd with and without SIGBUS, or PROT_NONE.',
    'What KVM_RUN returned, who waited for the page (userfaultfd names the thread), and whether the access did what it is for.',
  ],
  lacks: (kvm) => (kvm.checkExtension('SPLIT_IRQCHIP') > 0 ? null : 'it takes an APIC in KVM (KVM_CAP_SPLIT_IRQCHIP is 0 here)'),
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const memories = Object.keys(MEMORIES) as Memory[];
  const total = KERNEL_ACCESSES.length * memories.length;
  const outcomes: AccessOutcome[] = [];
  const kvm = Kvm.open();
  const helper = await HelperThread.start();
  try {
    for (const access of KERNEL_ACCESSES) {
      for (const memory of memories) {
        if (context.interrupted() || context.remainingMs() === 0) break;
        context.progress(`${access.id}, memory ${MEMORIES[memory]}`, outcomes.length, total);
        outcomes.push(await tryKernelAccess(kvm, helper, access, memory));
      }
    }
  } finally {
    await helper.close();
    kvm.close();
  }
  return conclude(outcomes, total);
}

/** Computes the verdict. */
export function conclude(outcomes: readonly AccessOutcome[], planned: number): Outcome {
  return {
    finding: find(outcomes),
    changedBy: [
      'Which accesses there are depends on the CPU: with nested paging the CPU walks the page tables and a missing one is an ordinary fault; with shadow paging KVM reads them itself.',
      "A guest that enables fewer paravirtual features has fewer such accesses; none of them is announced to the VMM unless it filters the MSRs.",
      ...(outcomes.length < planned ? [`Only ${outcomes.length} of ${planned} were tried: a longer --budget tries all.`] : []),
    ],
    notReproduced: [
      'KVM_MEM_USERFAULT: it intercepts faults of the guest in the MMU. What is shown here goes through the host\'s page tables and never asks the bitmap, which is why its authors keep userfaultfd beside it; a kernel that has it is to be asked by `conform`.',
      'Accesses by ioctls of the VMM (KVM_GET_DIRTY_LOG, KVM_SET_MSRS and others) outside KVM_RUN.',
    ],
    tables: [{ id: 'accesses', title: "KVM's own accesses", rows: outcomes.map(rowOf) }],
    plots: [],
  };
}

function rowOf(outcome: AccessOutcome): Row {
  const { access, memory, end, worked, waited } = outcome;
  return { access: access.title, memory: MEMORIES[memory], result: end, didItsWork: worked, waited, told: toldOf(outcome) };
}

/** How the VMM learns of the missing page. */
function toldOf({ memory, exited, named, waited, worked, falseFault }: AccessOutcome): string {
  if (memory === 'present') return '-';
  if (exited) return named ? 'exit with the gpa' : 'exit without an address';
  if (waited !== null) return 'message of userfaultfd';
  if (falseFault) return 'not at all: the guest gets a #PF';
  return worked ? 'not at all' : 'not at all: the access is lost';
}

function find(outcomes: readonly AccessOutcome[]): Finding {
  // An access that did not work with memory that is there was not made: it says nothing about memory that is not.
  const made = new Set(outcomes.filter(({ memory, worked, waited }) => (memory === 'present' && worked) || waited !== null).map(({ access }) => access));
  const relevant = outcomes.filter(({ access, memory }) => memory !== 'present' && made.has(access));
  if (relevant.length === 0) return { answered: false, why: 'none of the accesses could be made with memory that is there' };
  const names = (of: readonly AccessOutcome[]): string => of.map(({ access }) => access.id).join(', ') || 'none';
  const served = relevant.filter(({ memory }) => memory === 'userfaultfd');
  const failing = relevant.filter(({ memory }) => memory === 'sigbus');
  const slept = served.filter(({ waited }) => waited !== null);
  const lost = failing.filter((outcome) => !outcome.exited && !outcome.worked && !outcome.falseFault);
  const falseFaults = failing.filter(({ falseFault }) => falseFault);
  const exits = failing.filter(({ exited }) => exited);
  const bare = exits.filter(({ named }) => !named);
  const unmade = [...new Set(outcomes.map(({ access }) => access))].filter((access) => !made.has(access)).map(({ id }) => id);
  return {
    answered: true,
    answer: answerOf({ slept, served, exits, lost, falseFaults }),
    verdict:
      `behind userfaultfd ${slept.length} of ${served.length} accesses wait for the page inside KVM_RUN (${names(slept)}); where the page cannot be had ${exits.length} of ${failing.length} ` +
      `end KVM_RUN (${names(exits)}; ${bare.length} of them without an address), ${lost.length} are lost without a word (${names(lost)}) and ${falseFaults.length} give the guest a #PF that its page tables do not explain (${names(falseFaults)})` +
      (unmade.length === 0 ? '' : `; not made on this host even with memory that is there: ${unmade.join(', ')}`),
  };
}

type Outcomes = readonly AccessOutcome[];

/** What becomes of which accesses, without counts. */
function answerOf({ slept, served, exits, lost, falseFaults }: Readonly<Record<'slept' | 'served' | 'exits' | 'lost' | 'falseFaults', Outcomes>>): string {
  const names = (of: Outcomes): string => listOf(of.map(({ access }) => access.title.split(':')[0]));
  const waits = slept.length === served.length ? 'all of the accesses that KVM itself makes to guest memory wait' : slept.length === 0 ? 'none of the accesses that KVM itself makes to guest memory waits' : `of the accesses that KVM itself makes to guest memory, these wait (${names(slept)})`;
  const failures = [
    ...(exits.length === 0 ? [] : [`some end KVM_RUN (${names(exits)})`]),
    ...(lost.length === 0 ? [] : [`some are lost without a word (${names(lost)})`]),
    ...(falseFaults.length === 0 ? [] : [`some give the guest a page fault that its page tables do not explain (${names(falseFaults)})`]),
  ];
  return `behind userfaultfd ${waits} until the page is there; where it can never be had, ${listOf(failures, 'all do their work')}`;
}

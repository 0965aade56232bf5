/** Q13: how soon KVM_RUN returns after a signal, wherever the vCPU is. */
import { formatDuration } from '../../bench/index.js';
import { Kvm } from '../../kvm/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import type { Finding, Outcome, Row } from '../frame/report.js';
import { median, quantile } from '../frame/statistics.js';
import { TimingHelper } from '../helper/timing-helper.js';
import { listOf } from '../frame/words.js';
import { FILL_AFTER_MS, measureEmulatedWait, measurePlace, type PlaceResult } from './measure.js';
import { PLACES } from './places.js';

/** Samples of each place. */
const SAMPLES = 30;
const LEAST_SAMPLES = 3;

/** See the module's comment. */
export const q13: Experiment = {
  id: 'q13',
  question: 'How soon after a signal does KVM_RUN return while the vCPU waits in userfaultfd, in a synthetic halt, or in the wait of user space?',
  method: [
    'Another thread kicks the vCPU (immediate_exit, then a signal) 12 ms after it entered KVM_RUN, and fills the page 78 ms later if that was not enough.',
    'CLOCK_MONOTONIC on both sides; the time in which the thread was ready to run tells a sleep from a loop in the kernel.',
  ],
  lacks: (kvm) => (kvm.checkExtension('SPLIT_IRQCHIP') > 0 ? null : 'it takes an APIC in KVM (KVM_CAP_SPLIT_IRQCHIP is 0 here)'),
  run,
};

/** On a busy host a thread may get its CPU only after the page came: so few say nothing. */
const EXCEPTIONS_SHARE = 0.1;

/** Latencies of the wait in user space, ns. */
export interface EmulatedWaits {
  readonly bySlices: readonly number[];
  readonly byWord: readonly number[];
}

async function run(context: ExperimentContext): Promise<Outcome> {
  const count = context.samples(SAMPLES, LEAST_SAMPLES);
  const kvm = Kvm.open();
  try {
    return await TimingHelper.with(async (helper) => {
      const results: PlaceResult[] = [];
      const isOver = (): boolean => context.interrupted() || context.remainingMs() === 0;
      for (const [done, place] of PLACES.entries()) {
        if (isOver()) break;
        context.progress(place.title, done, PLACES.length + 2);
        results.push(await measurePlace(kvm, helper, place, count, isOver));
      }
      context.progress('wait in user space', PLACES.length, PLACES.length + 2);
      const bySlices = await measureEmulatedWait(helper, false, count, isOver);
      const byWord = await measureEmulatedWait(helper, true, count, isOver);
      return conclude(results, { bySlices, byWord });
    });
  } finally {
    kvm.close();
  }
}

/** Computes the verdict. */
export function conclude(results: readonly PlaceResult[], waits: EmulatedWaits): Outcome {
  const emulated: Row[] = ([['in the wait of user space, looking every 50 ms', waits.bySlices], ['in the wait of user space, woken through the word it sleeps on', waits.byWord]] as const)
    .filter(([, latencies]) => latencies.length > 0)
    .map(([place, latencies]) => ({ place, samples: latencies.length, interruptedShare: 1, ...spread(latencies), awakeShare: null, waits: 'the VMM' }));
  return {
    finding: find(results),
    changedBy: [
      'A wait of user space is as interruptible as its author makes it: a futex that the kicker wakes as well, or an eventfd beside the page\'s.',
      'An interface whose accesses by KVM itself exit (or that pins what KVM writes) would make the last kind of wait go away; KVM_MEM_USERFAULT and its successors do not cover it.',
      ...(results.length < PLACES.length ? ['Not every place was tried: a longer --budget tries all.'] : []),
    ],
    notReproduced: ['The wait of a kernel that carries KVM_ASYNC_PF: between exit and READY nobody sleeps in KVM but in the synthetic halt, which is the one measured here.'],
    tables: [{ id: 'latency', title: 'From the signal to the return', rows: [...results.map(rowOf), ...emulated], note: `Who is not interrupted gets the page ${FILL_AFTER_MS} ms after the signal, by the test's own choice: a time of about that says that the signal did nothing.` }],
    plots: [],
  };
}

function spread(latenciesNs: readonly number[]): Row {
  return { medianNs: median(latenciesNs), p90Ns: quantile(latenciesNs, 0.9), worstNs: Math.max(...latenciesNs) };
}

function rowOf({ place, samples, others, waiters }: PlaceResult): Row {
  const interrupted = samples.filter(({ waitedForPage }) => !waitedForPage).length;
  const busy = median(samples.flatMap(({ runnableNs, latencyNs }) => (runnableNs === null ? [] : [Math.min(1, runnableNs / Math.max(1, latencyNs))])));
  return {
    place: place.title,
    samples: samples.length,
    interruptedShare: samples.length === 0 ? null : interrupted / samples.length,
    ...(samples.length === 0 ? {} : spread(samples.map(({ latencyNs }) => latencyNs))),
    awakeShare: samples.length === 0 || interrupted > 0 || Number.isNaN(busy) ? null : busy,
    waits: [...waiters, ...[...new Set(others)].map((other) => `also ${other}`)].join(', ') || null,
  };
}

function find(results: readonly PlaceResult[]): Finding {
  const waiting = results.filter(({ place, samples }) => place.waitsForPage && samples.length > 0);
  // A vCPU that nobody saw wait for the page was interrupted somewhere else.
  const seen = waiting.filter(({ waiters }) => waiters.length > 0);
  if (seen.length === 0) return { answered: false, why: 'no vCPU was seen waiting for a page behind userfaultfd, so that nothing was interrupted there' };
  const waitedShare = ({ samples }: PlaceResult): number => samples.filter(({ waitedForPage }) => waitedForPage).length / samples.length;
  const prompt = seen.filter((result) => waitedShare(result) <= EXCEPTIONS_SHARE);
  const deaf = seen.filter((result) => waitedShare(result) >= 1 - EXCEPTIONS_SHARE);
  const mixed = seen.filter((result) => !prompt.includes(result) && !deaf.includes(result));
  const times = (of: PlaceResult): string => {
    const latencies = of.samples.map(({ latencyNs }) => latencyNs);
    return `${of.place.title}: ${formatDuration(median(latencies))}, worst ${formatDuration(Math.max(...latencies))}`;
  };
  const parts = [
    ...(prompt.length === 0 ? [] : [`a signal ends the wait in KVM_RUN at once (${prompt.map(times).join('; ')})`]),
    ...(mixed.length === 0 ? [] : [`sometimes (${mixed.map(times).join('; ')})`]),
    ...(deaf.length === 0 ? [] : [`${prompt.length + mixed.length === 0 ? 'KVM_RUN returned' : 'elsewhere it returned'} not before the page came, which the test brought ${FILL_AFTER_MS} ms after the signal (${deaf.map((result) => `${result.place.title}${burning(result)}`).join('; ')})`]),
  ];
  return { answered: true, answer: answerOf(prompt, mixed, deaf), verdict: parts.join('; ') };
}

/** The same without times. Waits that were not tried are in none of these. */
function answerOf(prompt: readonly PlaceResult[], mixed: readonly PlaceResult[], deaf: readonly PlaceResult[]): string {
  const when = (of: readonly PlaceResult[]): string => listOf(of.map(({ place }) => place.when));
  const every = prompt.length + mixed.length + deaf.length === PLACES.filter(({ waitsForPage }) => waitsForPage).length ? 'every wait' : 'every wait that was seen';
  if (prompt.length === 0) return `a signal ends no wait at once${mixed.length === 0 ? '' : `; sometimes it does ${when(mixed)}`}`;
  return `a signal ends ${every} at once${deaf.length === 0 ? '' : `, except ${when(deaf)}`}${mixed.length === 0 ? '' : `; not always ${when(mixed)}`}`;
}

/** Whether the thread slept or went round in the kernel between the signal and the page. */
function burning({ samples }: PlaceResult): string {
  const shares = samples.flatMap(({ runnableNs, latencyNs }) => (runnableNs === null ? [] : [runnableNs / Math.max(1, latencyNs)]));
  return shares.length > 0 && median(shares) > 0.5 ? ': from the signal on its thread goes round in the kernel instead of sleeping' : '';
}

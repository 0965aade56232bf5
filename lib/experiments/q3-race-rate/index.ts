/** Q3: how often a page is there by the time that user space hears of its fault. */
import { formatDuration } from '../../bench/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import { quoted, rangeText } from '../frame/figure.js';
import type { Finding, Outcome, Row } from '../frame/report.js';
import { countOf } from '../frame/words.js';
import { runsShare, type Estimate } from '../frame/statistics.js';
import { exploreFindings, type Explored } from '../exploration/explore-findings.js';
import { lacksForModes } from '../q1-spurious-pair/index.js';
import { measureRun, type MeasuredRun } from '../workload/measured-run.js';

const PAGES = 300;
const UAPI = 'async-pf-userfault-2026';

/** A workload whose vCPUs meet on pages. */
export interface Meeting {
  readonly vcpus: number;
  /** Visits of other pages between two visits of one page: 0, and several vCPUs want it at once; more, and the first runs ahead like a prefetcher. */
  readonly ahead: number;
  readonly fetchNs: number;
}

interface Sample extends Meeting {
  readonly run: MeasuredRun;
}

/** Every workload. */
export const MEETINGS: readonly Meeting[] = [1, 2, 4].flatMap((vcpus) => [0, 8, 64].flatMap((ahead) => [0, 100e3, 1e6].map((fetchNs) => ({ vcpus, ahead, fetchNs }))));

/** See the module's comment. */
export const q3: Experiment = {
  id: 'q3',
  question: "How often does the race really occur (page marked present between KVM's check and re-entry), with prefetching and with N vCPUs on overlapping working sets?",
  method: [
    'Every page is visited twice, by whichever task comes next, on 1, 2 and 4 vCPUs: at the same time, or with 8 or 64 other visits between, so that the first visitor prefetches for the second.',
    'Counted at three moments: the page was there before the model looked (no exit), when the resolver looked (the guest was told for nothing), or was under way for somebody else.',
  ],
  lacks: lacksForModes,
  inRounds: true,
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const explored = await exploreFindings(context, 'q3');
  const samples: Sample[] = [];
  for (let round = 0; round === 0 || context.remainingMs() > 0; round++) {
    if (round > 0) await context.pause();
    for (const [done, meeting] of MEETINGS.entries()) {
      if (context.interrupted() || (context.remainingMs() === 0 && samples.length >= MEETINGS.length)) return conclude(explored, samples);
      context.progress(`round ${round + 1}: ${countOf(meeting.vcpus, 'vCPU')}, ${meeting.ahead} ahead, fetch ${formatDuration(meeting.fetchNs)}`, done, MEETINGS.length);
      samples.push({ ...meeting, run: await measureMeeting(context, meeting, context.samples(PAGES, 64)) });
    }
  }
  return conclude(explored, samples);
}

/** One run. */
export async function measureMeeting(context: Pick<ExperimentContext, 'follow'>, { vcpus, ahead, fetchNs }: Meeting, pages: number): Promise<MeasuredRun> {
  return measureRun(context, { uapi: UAPI, mode: 'apf-user', vcpus, windowPages: pages, order: twice(pages, ahead), latencyNs: fetchNs, faultTasks: 8, workTasks: 0, controlTicks: 0 });
}

/** Every page twice, with about `ahead` other visits between. */
export function twice(pages: number, ahead: number): Uint32Array {
  const order: number[] = [];
  for (let at = 0; at < pages + ahead; at++) {
    if (at < pages) order.push(at);
    if (at >= ahead) order.push(at - ahead);
  }
  return Uint32Array.from(order);
}

/** Where a page stood when its fault was looked at, summed. */
function outcomes(samples: readonly Sample[]): { readonly faults: number; readonly before: number; readonly told: number; readonly underWay: number } {
  const sum = (value: (run: MeasuredRun) => number): number => samples.reduce((total, { run }) => total + value(run), 0);
  return {
    faults: sum(({ result }) => result.vcpus.faultExits),
    before: sum(({ result }) => result.vcpus.spuriousFaults),
    told: sum(({ result }) => result.resolvers.raced),
    underWay: sum(({ result }) => result.resolvers.repeated),
  };
}

function conclude(explored: Explored, samples: readonly Sample[]): Outcome {
  return {
    finding: find(explored, samples),
    changedBy: [
      'The longer the way from KVM\'s check to user space, the wider the window: here an instruction is decoded in between, a native exit is several times shorter.',
      'A real prefetcher that reads far ahead of every vCPU seldom meets one; one that follows close behind a fault meets it often.',
    ],
    notReproduced: [
      'A prefetcher of its own: another visitor of the same page runs ahead in its place.',
      "KVM's own check is userfaultfd's here; the interception bit is read by the model after the exit, so that the first count is the race at its widest.",
    ],
    tables: [
      { id: 'rates', title: 'By vCPUs and distance', rows: [1, 2, 4].flatMap((vcpus) => [0, 8, 64].map((ahead) => rowOf(vcpus, ahead, samples.filter((sample) => sample.vcpus === vcpus && sample.ahead === ahead)))) },
      explored.table,
    ],
    plots: [],
    figures: [
      quoted('raced', 'pages that were there, 2 and 4 vCPUs', 'share', racedShare(samples.filter(isShared)), 'machines'),
      quoted('under-way', 'pages under way for another, 2 and 4 vCPUs', 'share', underWayShare(samples.filter(isShared)), 'machines'),
    ].filter(({ units }) => units > 0),
  };
}

/** Faults that found their page there: of one machine they are more alike than of two. */
function racedShare(samples: readonly Sample[]): Estimate {
  return runsShare(samples.map((sample) => {
    const { faults, before, told } = outcomes([sample]);
    return { hits: before + told, tries: faults };
  }));
}

function underWayShare(samples: readonly Sample[]): Estimate {
  return runsShare(samples.map(({ run: { result: { vcpus, resolvers } } }) => ({ hits: Math.min(resolvers.repeated, vcpus.faultExits), tries: vcpus.faultExits })));
}

const isShared = ({ vcpus }: Sample): boolean => vcpus > 1;
const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

function rowOf(vcpus: number, ahead: number, samples: readonly Sample[]): Row {
  const { faults, before, told, underWay } = outcomes(samples);
  const share = (count: number): number | null => (faults === 0 ? null : count / faults);
  const interval = racedShare(samples);
  return { vcpus, visitsBetween: ahead, faults, thereBeforeTheLook: before, thereWhenAsked: told, racedShare: share(before + told), range: rangeText(interval, percent), underWayShare: share(underWay) };
}

function find(explored: Explored, samples: readonly Sample[]): Finding {
  if (explored.surprises.length > 0) return { answered: false, why: `these worlds came to something else than is known of them: ${explored.surprises.join(', ')}` };
  const all = outcomes(samples);
  if (all.faults === 0) return { answered: false, why: 'no fault was looked at' };
  const several = outcomes(samples.filter(isShared));
  const rate = (of: readonly Sample[]): string => {
    const { faults, before, told } = outcomes(of);
    return `${before + told} of ${faults.toLocaleString('en-US')} faults (95 %: ${rangeText(racedShare(of), percent)}, ${countOf(of.length, 'machine')})`;
  };
  const raced = all.before + all.told;
  return {
    answered: true,
    answer: raced > 0 ? 'the race occurs: some faults find that their page has come already' : 'the race was not seen: no fault found that its page had come already',
    verdict:
      `${raced === 0 ? 'the race was not seen: ' : ''}with 2 and 4 vCPUs ${rate(samples.filter(isShared))} found their page there already, with one vCPU ${rate(samples.filter((sample) => !isShared(sample)))}; ${all.told} of them after the guest had been told for nothing, ${all.before} before. ` +
      `Far more often, in ${((several.underWay / Math.max(1, several.faults)) * 100).toFixed(1)} % of the faults of several vCPUs, the page was under way for somebody else. That it can happen under every interface, ${countOf(explored.failing.length, 'explored world')} ${explored.failing.length === 1 ? 'shows' : 'show'}`,
  };
}

/** Q16: ordering bugs of user space. */
import type { Bug } from '../../explore/index.js';
import type { Experiment, ExperimentContext } from '../frame/experiment.js';
import { rangeText } from '../frame/figure.js';
import type { Finding, Outcome } from '../frame/report.js';
import { countOf, listOf } from '../frame/words.js';
import { runsShare } from '../frame/statistics.js';
import { exploreMistakes, type Explored } from '../exploration/explore-findings.js';
import { playLitmus, type Litmus } from './litmus.js';

/** Mistakes of order, as the question names them. */
const ORDER_BUGS: readonly Bug[] = ['ready-before-clear', 'clear-before-data', 'head-overrun', 'arm-without-fence', 'no-second-look', 'no-doorbell'];

const ROUNDS = 2_000_000;
const FOR_MS = 4000;
/** Plays with and without the fence, by turns and each by new threads: how often one loses depends on where they run. */
const PLAYS = 3;

/** What it means to break an invariant, for people. */
const FAILURES: Readonly<Partial<Record<string, string>>> = {
  'lost-wake-up': 'a wake-up is lost',
  'ready-before-data': 'the guest is told that a page is ready before its data is there',
  'mapped-without-data': 'the guest reads a page whose data is not there',
};

/** See the module's comment. */
export const q16: Experiment = {
  id: 'q16',
  question: 'Ordering bugs: what do completion before the bit is clear, a bit cleared without release, an overrun completion head, and arming without the fence come to?',
  method: [
    'Exploration of the 2026 design with one mistake of user space each: the shortest way to what goes wrong, as a trace.',
    'And the ARMED protocol on this CPU: two threads, store then load on either side, with and without the fence between.',
  ],
  lacks: () => null,
  run,
};

async function run(context: ExperimentContext): Promise<Outcome> {
  const explored = await exploreMistakes(context, 'async-pf-userfault-2026', ORDER_BUGS);
  const litmuses: Litmus[] = [];
  const forMs = Math.min(FOR_MS, Math.max(500, context.remainingMs() / 3)) / PLAYS;
  for (let play = 0; play < 2 * PLAYS; play++) {
    const fenced = play % 2 === 1;
    if (context.interrupted()) break;
    context.progress(`ARMED protocol ${fenced ? 'with' : 'without'} the fence`, play, 2 * PLAYS);
    litmuses.push(await playLitmus(fenced, Math.ceil(context.samples(ROUNDS, 10_000) / PLAYS), forMs));
  }
  return conclude(explored, litmuses);
}

function conclude(explored: Explored, litmuses: readonly Litmus[]): Outcome {
  return {
    finding: find(explored, litmuses),
    changedBy: [
      'A CPU with a weaker order than x86 also shows the bit cleared without release in real runs; x86 keeps stores in order, so that only the store-load pair of the ARMED protocol can be seen here.',
      'KVM could check at READY that the bit is clear, and refuse: a completion before that would be an error and not a loop.',
    ],
    notReproduced: ['The handler\'s and KVM\'s sides are threads of one process, and their words shared memory of it; a native ring is in a page of the kernel. The CPU\'s order is the same.'],
    tables: [
      explored.table,
      {
        id: 'litmus',
        title: 'The ARMED protocol on this CPU',
        rows: litmuses.map(({ fenced, rounds, lost }, at) => ({ play: Math.floor(at / 2) + 1, between: fenced ? 'full fence' : 'nothing', rounds, lostWakeUps: lost, lostPerMillion: rounds === 0 ? null : (lost / rounds) * 1e6 })),
      },
    ],
    plots: [],
    traces: explored.traces.filter((_, at) => at < 6),
  };
}

function sumOf(litmuses: readonly Litmus[]): { readonly rounds: number; readonly lost: number } {
  return { rounds: litmuses.reduce((total, { rounds }) => total + rounds, 0), lost: litmuses.reduce((total, { lost }) => total + lost, 0) };
}

function find(explored: Explored, litmuses: readonly Litmus[]): Finding {
  if (explored.surprises.length > 0) return { answered: false, why: `these mistakes came to something else than is known of them: ${explored.surprises.join(', ')}` };
  if (explored.worlds < ORDER_BUGS.length || litmuses.length < 2) return { answered: false, why: 'it was ended before every mistake was explored' };
  const [open, fenced] = [false, true].map((is) => sumOf(litmuses.filter((play) => play.fenced === is)));
  const harmful = explored.failing.length;
  const lost = runsShare(litmuses.filter((play) => !play.fenced).map((play) => ({ hits: play.lost, tries: play.rounds })));
  const seen =
    open.lost > 0
      ? `on this CPU the ARMED protocol without the fence loses ${open.lost} of ${open.rounds.toLocaleString('en-US')} wake-ups (95 %: ${rangeText(lost, (share) => (share * 1e6).toFixed(0))} in a million, ${countOf(lost.count, 'play')}), with it ${fenced.lost} of ${fenced.rounds.toLocaleString('en-US')}`
      : `this run did not catch the missing fence in ${open.rounds.toLocaleString('en-US')} rounds, which does not make it right`;
  return {
    answered: true,
    answer: `${harmful === explored.worlds ? 'each' : 'not each'} of these mistakes of order breaks something (${listOf([...new Set(explored.table.rows.map(({ fails }) => FAILURES[String(fails)] ?? String(fails)))])}); ${fenced.lost === 0 ? 'with the fence no wake-up is lost' : 'wake-ups are lost even with the fence'}`,
    verdict: `${harmful} of ${explored.worlds} ordering bugs break an invariant (${explored.table.rows.map((row) => `${String(row['mistake'])}: ${String(row['fails'])}, ${String(row['steps'])} steps`).join('; ')}); ${seen}`,
  };
}

/** What the runs of all scenarios come to. */
import type { DataTable, Finding, Row } from '../frame/report.js';
import { listOf } from '../frame/words.js';
import { DISTURBANCES, describeCase, type GenerationId, type HistoryCase } from './generations.js';
import type { PlayedRun } from './play.js';

/** The runs of one scenario, counted. */
export interface CaseResult {
  readonly scenario: HistoryCase;
  readonly runs: number;
  readonly survived: number;
  /** NMIs that came where they were to come. */
  readonly placed: number;
  /** What happened, in words, and how often. */
  readonly ends: ReadonlyMap<string, number>;
}

/** Counts runs. */
export function countRuns(scenario: HistoryCase, runs: readonly Pick<PlayedRun, 'survived' | 'nmi' | 'log'>[]): CaseResult {
  const ends = new Map<string, number>();
  for (const run of runs) {
    const end = describeEnd(run);
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  return { scenario, runs: runs.length, survived: runs.filter(({ survived }) => survived).length, placed: runs.filter(({ nmi }) => nmi === 'first instruction').length, ends };
}

/** How a run ended, in the same words for the same end. */
function describeEnd({ survived, log }: Pick<PlayedRun, 'survived' | 'log'>): string {
  if (survived) return 'task A has its page';
  const has = (kind: string): boolean => log.some((record) => record.kind === kind);
  if (has('panic')) return 'the guest panics: the page fault of the NMI handler was taken for the event';
  if (has('kernelWaits')) return 'the NMI handler waits for ever: its own page fault was taken for the event, its address for the token';
  if (has('killed')) return 'task A sleeps for ever, and a signal kills another task, which did nothing';
  return 'task A sleeps for ever';
}

/** Of a scenario in which the NMI was to come, it did not always come in front of the handler. */
export function isMisplaced({ scenario, runs, placed }: CaseResult): boolean {
  return scenario.disturbance !== 'none' && placed !== runs;
}

/** A row for each scenario. */
export function tableOf(results: readonly CaseResult[]): DataTable {
  return {
    id: 'scenarios',
    title: 'Each scenario, run after run',
    rows: results.map(({ scenario, runs, survived, ends }): Row => ({
      generation: scenario.generation,
      event: scenario.half,
      before: DISTURBANCES[scenario.disturbance],
      runs,
      survived,
      lost: runs - survived,
      end: [...ends.keys()].join('; '),
    })),
  };
}

const outcome = ({ survived, runs }: CaseResult): 'survived' | 'lost' | 'mixed' => (survived === runs ? 'survived' : survived === 0 ? 'lost' : 'mixed');

/** Computes the verdict. */
export function find(results: readonly CaseResult[], wanted: number): Finding {
  if (results.length < wanted) return { answered: false, why: 'the time was over before every scenario had run' };
  const misplaced = results.filter(isMisplaced);
  if (misplaced.length > 0) {
    const [{ scenario, runs, placed }] = misplaced;
    return { answered: false, why: `the NMI came in front of the handler in ${placed} of ${runs} runs only (${describeCase(scenario)})` };
  }
  const control = results.find((result) => result.scenario.disturbance === 'none' && outcome(result) !== 'survived');
  if (control !== undefined) return { answered: false, why: `undisturbed, ${control.survived} of ${control.runs} runs alone came to their end (${describeCase(control.scenario)})` };
  const disturbed = results.filter(({ scenario }) => scenario.disturbance !== 'none');
  const groups = new Map<string, CaseResult[]>();
  for (const result of disturbed) {
    const { generation, half, disturbance } = result.scenario;
    // What the host ignores is not the protocol's doing.
    const name = disturbance === 'lost-page-in-nmi-busy-ignored' ? `${generation} without the busy word` : `${generation} ${half}`;
    groups.set(name, [...(groups.get(name) ?? []), result]);
  }
  const parts = [...groups].map(([name, of]) => {
    const survived = of.reduce((sum, result) => sum + result.survived, 0);
    const runs = of.reduce((sum, result) => sum + result.runs, 0);
    const words = survived === runs ? `survived ${survived} of ${runs}` : `lost ${runs - survived} of ${runs}`;
    return `${name} ${words}`;
  });
  return { answered: true, answer: answerOf(disturbed), verdict: `an NMI in front of the handler: ${parts.join('; ')}` };
}

const NAMES: Readonly<Record<GenerationId, string>> = { 'apf-2010': 'the events of 2010', 'apf-2020': 'those of 2020', ve: '#VE' };

/** Which generations lose events, and which of their events, without counts. */
function answerOf(disturbed: readonly CaseResult[]): string {
  const honest = disturbed.filter(({ scenario }) => scenario.disturbance !== 'lost-page-in-nmi-busy-ignored');
  const ignored = disturbed.filter(({ scenario }) => scenario.disturbance === 'lost-page-in-nmi-busy-ignored');
  const generations = [...new Set(honest.map(({ scenario }) => scenario.generation))];
  const of = (generation: GenerationId): CaseResult[] => honest.filter(({ scenario }) => scenario.generation === generation);
  const halves = (results: readonly CaseResult[]): string => listOf([...new Set(results.map(({ scenario }) => scenario.half))]);
  const losing = (generation: GenerationId): string => {
    const lost = of(generation).filter((result) => outcome(result) !== 'survived');
    const sometimes = lost.some((result) => outcome(result) === 'mixed') ? ', not every time' : '';
    return `${NAMES[generation]} (${halves(lost)}${sometimes})`;
  };
  const lossy = generations.filter((generation) => of(generation).some((result) => outcome(result) !== 'survived'));
  const safe = generations.filter((generation) => !lossy.includes(generation));
  const busy = ignored.length === 0 ? '' : ignored.every((result) => outcome(result) === 'survived') ? ', even where the host ignores the busy word' : ' while the host honours the busy word';
  return [
    ...(lossy.length === 0 ? [] : [`with ${listOf(lossy.map(losing))} a badly timed NMI loses events`]),
    ...(safe.length === 0 ? [] : [`with ${listOf(safe.map((generation) => NAMES[generation]))} none is lost${safe.includes('ve') ? busy : ''}`]),
  ].join('; ');
}

/** What exhaustive exploration of the models says about a question: findings on correct worlds, and mistakes with their counterexamples. */
import { describeMistake, explore, findingsOn, lookFor, mistakesOf, renderTrace, World, type Bug, type Exploration } from '../../explore/index.js';
import type { UapiName } from '../../uapi/proposals/index.js';
import type { ExperimentContext } from '../frame/experiment.js';
import type { DataTable, Row, TraceText } from '../frame/report.js';
import { nextTurn } from '../frame/next-turn.js';

/** What came of explorations. */
export interface Explored {
  readonly table: DataTable;
  readonly traces: readonly TraceText[];
  /** Every exploration came to what is known of it; the names of those that did not. */
  readonly surprises: readonly string[];
  readonly worlds: number;
  readonly states: number;
  /** Worlds in which something fails, and worlds in which, in every state, nothing does. */
  readonly failing: readonly string[];
  readonly sound: readonly string[];
}

/** Most states of a world: all of those used here are smaller. */
const STATES = 300_000;

/** Explores the findings about a question. */
export async function exploreFindings(context: ExperimentContext, question: string): Promise<Explored> {
  const findings = findingsOn(question);
  const rows: Row[] = [];
  const traces: TraceText[] = [];
  const surprises: string[] = [];
  const failing: string[] = [];
  const sound: string[] = [];
  let states = 0;
  for (const [done, finding] of findings.entries()) {
    if (context.interrupted()) break;
    context.progress(`exploring ${finding.id}`, done, findings.length);
    const { exploration, holds } = lookFor(finding, { states: STATES });
    states += exploration.states;
    if (!holds) surprises.push(finding.id);
    (exploration.counterexample === undefined ? sound : failing).push(finding.id);
    rows.push({ world: finding.id, ...rowOf(exploration), asExpected: holds, says: finding.sentence });
    if (exploration.counterexample !== undefined) traces.push({ title: finding.id, text: renderTrace(exploration.counterexample) });
    await nextTurn();
  }
  return { table: { id: 'exploration', title: 'What exploration of the models shows, every interleaving of small worlds', rows }, traces, surprises, worlds: rows.length, states, failing, sound };
}

/** Explores mistakes under a proposal, each in the smallest world that shows it. */
export async function exploreMistakes(context: ExperimentContext, uapi: UapiName, bugs: readonly Bug[]): Promise<Explored> {
  const mistakes = mistakesOf(uapi).filter(({ bug }) => bugs.includes(bug));
  const rows: Row[] = [];
  const traces: TraceText[] = [];
  const surprises: string[] = [];
  const failing: string[] = [];
  const sound: string[] = [];
  let states = 0;
  for (const [done, { bug, config, invariant }] of mistakes.entries()) {
    if (context.interrupted()) break;
    context.progress(`exploring ${bug}`, done, mistakes.length);
    const exploration = explore(new World(config), { states: STATES });
    states += exploration.states;
    const found = exploration.counterexample?.invariant ?? null;
    if (found !== invariant) surprises.push(bug);
    (found === null ? sound : failing).push(bug);
    rows.push({ mistake: describeMistake(bug), fails: found ?? 'nothing', ...rowOf(exploration) });
    if (exploration.counterexample !== undefined) traces.push({ title: `${uapi}: ${describeMistake(bug)}`, text: renderTrace(exploration.counterexample) });
    await nextTurn();
  }
  return { table: { id: `mistakes-${uapi}`, title: `What each mistake comes to under ${uapi}, on the shortest way`, rows }, traces, surprises, worlds: rows.length, states, failing, sound };
}

function rowOf({ states, depth, complete, counterexample }: Exploration): Row {
  return { found: counterexample?.invariant ?? 'nothing fails', steps: counterexample?.steps.length ?? depth, states, everyState: complete || counterexample !== undefined };
}

/** A way through a world that ends in a violation, and its text. */
import { STATE_LEGEND } from './state-text.js';
import type { TraceStep, Violation, World } from './world.js';
import { INVARIANT_SENTENCES, raceNames, type Invariant } from './world-config.js';

/** See the module's comment. */
export interface Trace {
  readonly uapi: string;
  readonly invariant: Invariant;
  /** What is wrong in the end. */
  readonly detail: string;
  /** Named races that happened on the way. */
  readonly races: readonly string[];
  /** What happened; a single action may take several lines. */
  readonly steps: readonly TraceStep[];
  /** The actions, for {@link replay}. */
  readonly path: readonly number[];
}

/** Takes the actions of a path from the world's first state on, and says what happens. The world is left in the last state. */
export function replay(world: World, path: readonly number[], { invariant, detail }: Violation): Trace {
  const steps: TraceStep[] = [];
  world.start();
  world.races = 0;
  world.record = steps;
  for (const action of path) world.perform(action);
  world.record = null;
  return { uapi: world.config.uapi, invariant, detail, races: raceNames(world.races), steps, path };
}

const STEP_WIDTH = 3;
const WHO_WIDTH = 9;
const WHAT_WIDTH = 35;
const WIDTH = 77;

/** The trace as text to be pasted into a mail: plain ASCII, lines below 78 columns. */
export function renderTrace(trace: Trace): string {
  const stateWidth = WIDTH - STEP_WIDTH - WHO_WIDTH - WHAT_WIDTH - 6;
  const row = (step: string, who: string, what: string, state: string): string[] => {
    const whatLines = wrap(what, WHAT_WIDTH);
    const stateLines = wrap(state, stateWidth);
    return Array.from({ length: Math.max(whatLines.length, stateLines.length) }, (_, i) =>
      [(i === 0 ? step : '').padStart(STEP_WIDTH), (i === 0 ? who : '').padEnd(WHO_WIDTH), (whatLines[i] ?? '').padEnd(WHAT_WIDTH), stateLines[i] ?? ''].join('  ').trimEnd(),
    );
  };
  return [
    ...wrap(`${trace.uapi}: ${trace.invariant} does not hold`, WIDTH),
    ...wrap(`  ${INVARIANT_SENTENCES[trace.invariant]}`, WIDTH),
    ...(trace.races.length === 0 ? [] : wrap(`  on the way: ${trace.races.join('; ')}`, WIDTH)),
    ...STATE_LEGEND.map((line) => `  ${line}`),
    '',
    ...row('#', 'who', 'what', 'state after'),
    ...trace.steps.flatMap(({ who, what, state }, i) => row(String(i + 1), who, what, state)),
    ...wrap(`==> ${trace.detail}`, WIDTH),
    '',
  ].join('\n');
}

/** Words of a text in lines of at most `width`; longer words are cut. */
function wrap(text: string, width: number): string[] {
  const indent = /^ */.exec(text)?.[0] ?? '';
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(/ +/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? indent + word : `${line} ${word}`;
    while (line.length > width) {
      lines.push(line.slice(0, width));
      line = line.slice(width);
    }
  }
  lines.push(line);
  return lines;
}

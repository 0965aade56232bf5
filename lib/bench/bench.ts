/** A whole bench: contents, order, checksums, then each point of the sweep. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FaultLabError } from '../errors/index.js';
import { readHost, type CapabilityNumbers } from '../kvm/index.js';
import { UAPI_MODES, type DeliveryMode } from '../machine/index.js';
import { UAPI_PROFILES } from '../uapi/proposals/index.js';
import { packageRoot } from '../native/index.js';
import { Budget } from './budget.js';
import { openContents, type Contents } from './contents.js';
import { parseLatencyModel } from './latency-option.js';
import { PointLoad } from './load.js';
import { parsePin } from './placement.js';
import { runPoint, type PointObserver } from './point.js';
import { parsePolicy } from './policy-option.js';
import { REPORT_VERSION, type BenchReport, type ModeReport, type RepetitionPlan } from './report.js';
import { settingsOf, type BenchSettings } from './settings.js';
import { sweepPoints, type GridPoint, type SweptParameter } from './sweep.js';
import { WORKLOADS, type WorkloadRow } from './workloads/index.js';

/** What to measure. */
export interface BenchOptions extends BenchSettings {
  readonly modes: readonly DeliveryMode[];
  /** Rows of the workload to run, by name; all where left out. */
  readonly rows?: readonly string[];
  /** Parameters that take several values; default none. */
  readonly swept?: readonly SweptParameter[];
  /** Default: once, without a limit. */
  readonly repetition?: RepetitionPlan;
  /** Capability numbers of a proposal on this kernel, those of the profile where left out. */
  readonly capabilities?: CapabilityNumbers;
  /** Never the kernel's own ioctls of a proposal. */
  readonly emulate?: boolean;
  /** File to page; one that has the pages to visit is made when left out. */
  readonly image?: string;
  /** Pages to visit; as many as the workload wants when left out. */
  readonly pages?: number;
  /** Another guest than the project's own. */
  readonly guestPath?: string;
  /** Tells the observer in which order pages were asked for. */
  readonly recordRequests?: boolean;
  /** Accounts for each fault's time: threads keep time stamps, which makes faults a little slower. */
  readonly account?: boolean;
}

/** Told how a bench goes on. */
export type BenchObserver = PointObserver;

const ONCE: RepetitionPlan = { asked: 1, confidenceShare: null, budgetNs: null };

interface PlannedPoint {
  readonly point: GridPoint;
  readonly settings: BenchSettings;
  readonly pages: number | undefined;
  readonly rows: readonly WorkloadRow[];
}

/**
 * Runs a bench.
 * @throws FaultLabError: `IMAGE_*`, `TRACE_*`, `NBD_*`, `LATENCIES_UNREADABLE`, `BAD_OPTION`. What breaks a run comes as
 * the `cause` of a {@link BenchFailure}, with a report of what there was by then.
 */
export async function runBench(options: BenchOptions, observer: BenchObserver): Promise<BenchReport> {
  const startedAt = new Date().toISOString();
  const host = readHost();
  const repetition = options.repetition ?? ONCE;
  const budget = new Budget(repetition.budgetNs);
  const planned = planPoints(options, repetition);
  const [first] = planned;
  observer.planned?.(repetition.asked === 'auto' ? null : repetition.asked * planned.reduce((total, { rows }) => total + rows.length, 0));
  const most = planned.some(({ pages }) => pages === undefined) ? undefined : Math.max(...planned.map(({ pages }) => pages ?? 0));
  const contents = await openContents({ source: options.source, ...(options.image === undefined ? {} : { image: options.image }), ...(most === undefined ? {} : { pages: most }) });
  const modes: ModeReport[] = [];
  let visited = 0;
  let budgetSpent = false;
  let startMs = performance.now();
  const report = (): BenchReport => {
    const rowCount = planned.reduce((total, { rows }) => total + rows.length, 0);
    const isGood = ({ passed, end, integrity }: ModeReport): boolean => passed || (budgetSpent && end === 'stopped' && integrity.mismatched + integrity.guestMismatches === 0);
    return {
      reportVersion: REPORT_VERSION,
      tool: { name: 'kvm-faultlab', version: packageVersion(), node: process.versions.node },
      startedAt,
      elapsedNs: Math.round((performance.now() - startMs) * 1e6),
      host,
      parameters: { image: contents.name, imageMade: contents.made, imageSizeBytes: contents.sizeBytes, pages: visited, ...settingsOf(first.settings) },
      swept: options.swept ?? [],
      repetition,
      modes,
      notReproduced: options.uapi !== 'stock' && modes.some(({ implementation }) => implementation === 'emulated') ? UAPI_PROFILES[options.uapi].notReproduced : [],
      interrupted: observer.interrupted(),
      budgetSpent,
      passed: (budgetSpent || modes.length === rowCount) && modes.every(isGood),
    };
  };
  try {
    for (const [at, { point, settings, pages, rows }] of planned.entries()) {
      if (observer.interrupted()) break;
      if (budget.leftMs === 0) {
        budgetSpent = true;
        break;
      }
      const load = await loadOf(settings, contents, pages, options);
      if (at === 0) {
        visited = load.pages;
        startMs = performance.now();
      }
      const result = await runPoint({ point, rows, load, workTasks: settings.workTasks, repetition, budget, pointsAfter: planned.length - at - 1 }, observer);
      modes.push(...result.modes);
      budgetSpent ||= result.budgetSpent;
      if (result.broken !== null) throw new BenchFailure(result.broken.row.name, result.broken.cause, report());
    }
    return report();
  } finally {
    contents.close();
  }
}

/** A run broke. `cause` says why; `report` holds what there was by then, the run that broke included as far as it came. */
export class BenchFailure extends Error {
  override readonly name = 'BenchFailure';

  /** @param row - name of the row whose run broke */
  constructor(
    readonly row: string,
    override readonly cause: unknown,
    readonly report: BenchReport,
  ) {
    super(`${row} failed`, { cause });
  }
}

async function loadOf(settings: BenchSettings, contents: Contents, pages: number | undefined, options: BenchOptions): Promise<PointLoad> {
  return await PointLoad.make(settings, contents, {
    ...(pages === undefined ? {} : { pages }),
    ...(options.capabilities === undefined ? {} : { capabilities: options.capabilities }),
    emulate: options.emulate === true,
    ...(options.guestPath === undefined ? {} : { guestPath: options.guestPath }),
    recordRequests: options.recordRequests === true,
    account: options.account === true,
  });
}

/** Every point with its settings and rows. All that can be wrong with them is found before anything runs. */
function planPoints(options: BenchOptions, repetition: RepetitionPlan): PlannedPoint[] {
  const base = settingsOf(options);
  const workload = WORKLOADS[options.workload];
  checkModes(options);
  return sweepPoints(options.swept ?? []).map((point) => {
    const { pages = options.pages, ...changes } = point;
    const settings = { ...base, ...changes };
    parsePolicy(settings.policy);
    parsePin(settings.pin);
    parseLatencyModel(settings.latencyModel);
    const rows = workload.rows({ settings, modes: options.modes, repeated: repetition.asked !== 1 });
    return { point, settings, pages, rows: chooseRows(rows, options.rows) };
  });
}

function chooseRows(rows: readonly WorkloadRow[], names: readonly string[] | undefined): readonly WorkloadRow[] {
  if (names === undefined) return rows;
  const unknown = names.find((name) => !rows.some((row) => row.name === name));
  if (unknown !== undefined) throw new FaultLabError('BAD_OPTION', `the workload has no row '${unknown}' here`, { hint: `its rows are ${rows.map(({ name }) => name).join(', ')}` });
  return rows.filter(({ name }) => names.includes(name));
}

function checkModes({ uapi, modes }: Pick<BenchOptions, 'uapi' | 'modes'>): void {
  const absent = modes.find((mode) => !UAPI_MODES[uapi].includes(mode));
  if (absent === undefined) return;
  throw new FaultLabError('BAD_OPTION', `the uAPI profile ${uapi} has no mode ${absent}`, { hint: `its modes are ${UAPI_MODES[uapi].join(', ')}` });
}

/** Version in the package's own package.json. */
export function packageVersion(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

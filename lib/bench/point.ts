/**
 * One point of a sweep: every row from cold on machines of their own, again and again where repetitions are asked for. The row without faults comes first; the
 * order of the others turns round with each repetition, so that what drifts on the host meets them alike.
 */
import type { Budget } from './budget.js';
import { FIGURES, type FigureName } from './figures.js';
import { LatencyRecorder } from './latency.js';
import type { PointLoad } from './load.js';
import { decidingFigure, intervalOf, relativeHalfWidth, repetitionsOf, representative, type RepetitionEnd, type SingleRun } from './repetitions.js';
import type { ModeReport, RepetitionPlan } from './report.js';
import { RunBroken, runMode, type ModeObserver, type RunOutcome } from './run-mode.js';
import type { GridPoint } from './sweep.js';
import type { WorkloadRow } from './workloads/index.js';

/** `auto` makes at least so many runs of each row: fewer have no interval to speak of. */
const LEAST_RUNS = 5;
/** And at most so many. */
const MOST_RUNS = 100;
/** A run that the budget ends: the guest gets this long to end by itself. */
const GRACE_MS = 500;

/** Told how a bench goes on. */
export interface PointObserver extends ModeObserver {
  /** True when nothing more should start. */
  interrupted(): boolean;
  /** How many runs there will be; null where that depends on what they come to. */
  planned?(runs: number | null): void;
  /** Pages in the order in which a run asked for them, where that is recorded. */
  requested?(row: WorkloadRow, pages: Uint32Array): void;
}

/** What a point is given. */
export interface PointPlan {
  readonly point: GridPoint;
  readonly rows: readonly WorkloadRow[];
  readonly load: PointLoad;
  readonly workTasks: number;
  readonly repetition: RepetitionPlan;
  /** Of the whole bench. */
  readonly budget: Budget;
  /** Points after this one, which the budget has to do for too. */
  readonly pointsAfter: number;
}

/** What a point came to. */
export interface PointResult {
  readonly modes: ModeReport[];
  readonly budgetSpent: boolean;
  /** Null, or what broke a run of `brokenRow`. */
  readonly broken: { readonly row: WorkloadRow; readonly cause: unknown } | null;
}

/** Runs one point. Never throws for a run that broke. */
export async function runPoint(plan: PointPlan, observer: PointObserver): Promise<PointResult> {
  return await new PointRun(plan, observer).run();
}

interface RowRuns {
  readonly row: WorkloadRow;
  readonly runs: SingleRun[];
  readonly places: number[];
  readonly latencies: LatencyRecorder;
}

class PointRun {
  private readonly all: readonly RowRuns[];
  private place = 0;
  private broken: PointResult['broken'] = null;
  private budgetSpent = false;

  constructor(
    private readonly plan: PointPlan,
    private readonly observer: PointObserver,
  ) {
    this.all = plan.rows.map((row) => ({ row, runs: [], places: [], latencies: new LatencyRecorder() }));
  }

  async run(): Promise<PointResult> {
    const { asked } = this.plan.repetition;
    const most = asked === 'auto' ? MOST_RUNS : asked;
    // What this point may take of what is left: the others are to have theirs.
    const endMs = performance.now() + this.plan.budget.shareMs(this.plan.pointsAfter + 1);
    let ended: RepetitionEnd = asked === 'auto' ? 'most' : 'count';
    for (let turn = 0; turn < most && this.broken === null; turn++) {
      if (turn >= LEAST_RUNS && asked === 'auto' && this.isTight()) {
        ended = 'tight';
        break;
      }
      const goesOn = await this.runTurn(turn, turn === 0 ? null : endMs);
      if (!goesOn) break;
    }
    if (this.budgetSpent) ended = 'budget';
    if (this.observer.interrupted()) ended = 'interrupted';
    if (this.broken !== null) ended = 'failed';
    return { modes: this.all.filter(({ runs }) => runs.length > 0).map((of) => this.report(of, ended)), budgetSpent: this.budgetSpent, broken: this.broken };
  }

  /** Every row once. False when there is to be no other one. */
  private async runTurn(turn: number, endMs: number | null): Promise<boolean> {
    const order = turnOrder(this.all, turn);
    for (const [at, of] of order.entries()) {
      if (this.observer.interrupted()) return false;
      const { budget, pointsAfter } = this.plan;
      if (budget.leftMs === 0 || (endMs !== null && performance.now() >= endMs)) {
        this.budgetSpent = true;
        return false;
      }
      // In the first turn each run has its share; later ones may take what is left of the point's.
      const limitMs = endMs === null ? budget.shareMs(order.length - at + pointsAfter * order.length) : Math.min(budget.leftMs, endMs - performance.now());
      if (!(await this.runRow(of, limitMs))) return false;
    }
    return true;
  }

  private async runRow(of: RowRuns, limitMs: number): Promise<boolean> {
    const { row } = of;
    const { point, load } = this.plan;
    let timer: NodeJS.Timeout | undefined;
    const startMs = performance.now();
    const watched: ModeObserver = {
      started: (mode, machine) => {
        this.observer.started(mode, machine);
        if (limitMs === Infinity) return;
        timer = setTimeout(() => {
          this.budgetSpent = true;
          machine.stop(GRACE_MS);
        }, limitMs - (performance.now() - startMs));
      },
      ended: (mode) => {
        clearTimeout(timer);
        this.observer.ended(mode);
      },
    };
    try {
      this.note(of, await runMode(row, point, load.forRow(row), watched));
      return true;
    } catch (error) {
      if (!(error instanceof RunBroken)) throw error;
      if (error.outcome !== null) this.note(of, error.outcome);
      this.broken = { row, cause: error.cause };
      return false;
    }
  }

  private note(of: RowRuns, { run, result }: RunOutcome): void {
    of.runs.push(run);
    of.places.push(this.place++);
    of.latencies.record(result.latencyCycles, result.tscKhz);
    if (result.requested !== null && of.runs.length === 1) this.observer.requested?.(of.row, result.requested);
  }

  /** True when every row's interval is narrow enough. */
  private isTight(): boolean {
    const { confidenceShare } = this.plan.repetition;
    return (
      confidenceShare !== null &&
      this.all.every(({ row, runs }) => {
        // What other rows are compared with needs no interval of its own.
        const interval = row.populate === true ? null : intervalOf(runs.map(FIGURES[this.figureOf(row)].value));
        return interval === null || relativeHalfWidth(interval) <= confidenceShare;
      })
    );
  }

  private figureOf(row: WorkloadRow): FigureName {
    return row.populate === true ? 'pagesPerSecond' : decidingFigure(this.plan.workTasks);
  }

  private report({ row, runs, places, latencies }: RowRuns, ended: RepetitionEnd): ModeReport {
    const figure = this.figureOf(row);
    return { ...representative(runs, figure), latency: latencies.summarize(), repetitions: repetitionsOf(runs, places, figure, ended) };
  }
}

/** Rows without faults first, the others forth and back by turns. */
export function turnOrder<T extends { readonly row: WorkloadRow }>(all: readonly T[], turn: number): T[] {
  const isControl = ({ row }: T): boolean => row.populate === true;
  const others = all.filter((one) => !isControl(one));
  return [...all.filter(isControl), ...(turn % 2 === 0 ? others : others.reverse())];
}

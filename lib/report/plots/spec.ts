/** What a plot shows, apart from how it is drawn. All of it also goes into the table beneath the plot. */

/** What a number is: decides how it is written. `share`: a fraction, 1 = all of it. */
export type Quantity = 'ns' | 'share' | 'ratio' | 'count' | 'per second' | 'plain';

/** An axis. */
export interface Axis {
  readonly label: string;
  readonly quantity: Quantity;
  /** Logarithmic where quantities of several magnitudes meet. Default linear. */
  readonly log?: boolean;
}

/** A value of a line, with its 95 % interval where there is one. */
export interface LinePoint {
  readonly x: number;
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
}

/** Where something happens along x, with its interval: a break-even point. */
export interface Mark {
  readonly at: number;
  readonly low?: number;
  readonly high?: number;
  readonly label: string;
}

/** A curve for each series over a common x. */
export interface LinesPlot {
  readonly kind: 'lines';
  readonly x: Axis;
  /** Names of x = 0, 1, ...: where places have names and no distance. */
  readonly places?: readonly string[];
  readonly y: Axis;
  readonly series: readonly { readonly name: string; readonly points: readonly LinePoint[] }[];
  readonly marks?: readonly Mark[];
  /** A level to compare with. */
  readonly reference?: { readonly y: number; readonly label: string };
}

/** A share of samples for each series over a common x: what part of the samples is at most x. */
export interface CdfPlot {
  readonly kind: 'cdf';
  readonly x: Axis;
  /** `points`: ascending x with the share of samples at or below it. `exact` false: only these percentiles are known, and straight lines join them. */
  readonly series: readonly { readonly name: string; readonly exact: boolean; readonly points: readonly (readonly [x: number, share: number])[] }[];
}

/** Samples by size, a row for each series. */
export interface HistogramPlot {
  readonly kind: 'histogram';
  readonly x: Axis;
  readonly series: readonly { readonly name: string; readonly bins: readonly { readonly from: number; readonly to: number; readonly count: number }[] }[];
}

/** A bar for each row. */
export interface BarsPlot {
  readonly kind: 'bars';
  readonly value: Axis;
  readonly rows: readonly {
    readonly name: string;
    readonly value: number | null;
    readonly low?: number;
    readonly high?: number;
    /** A part that lies on top of the bar. */
    readonly extra?: number | null;
    /** What it is to reach, or to stay below: a line across the row. */
    readonly goal?: number;
  }[];
  /** What the bar is, and what lies on top of it. */
  readonly valueName: string;
  readonly extraName?: string;
  readonly reference?: { readonly value: number; readonly label: string };
}

/** A bar of several parts for each row; the parts have one order and one colour everywhere. */
export interface StackedPlot {
  readonly kind: 'stacked';
  readonly value: Axis;
  readonly parts: readonly string[];
  readonly rows: readonly { readonly name: string; readonly values: readonly (number | null)[] }[];
}

/** True where some row has this part. */
export function occurs({ rows }: StackedPlot, part: number): boolean {
  return rows.some(({ values }) => values[part] !== null);
}

/** What somebody did in a span of time. Decides colour and pattern. */
export type Activity = 'guest' | 'work' | 'fault' | 'wait' | 'vmm' | 'fetch' | 'blocked' | 'ready';

/** Who did what when. */
export interface TimelinePlot {
  readonly kind: 'timeline';
  /** What is shown of the time, ns. */
  readonly fromNs: number;
  readonly toNs: number;
  readonly lanes: readonly {
    readonly group: string;
    readonly name: string;
    readonly spans: readonly { readonly startNs: number; readonly endNs: number; readonly activity: Activity }[];
  }[];
  /** Moments, in the lane of that index. */
  readonly events: readonly { readonly lane: number; readonly atNs: number; readonly what: string }[];
  /** What each activity is called. */
  readonly activities: readonly { readonly activity: Activity; readonly label: string }[];
}

/** Any plot. */
export type Plot = LinesPlot | CdfPlot | HistogramPlot | BarsPlot | StackedPlot | TimelinePlot;

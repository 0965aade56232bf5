/** Plots for a terminal: one mark a line, dots between its points, so that a plot says the same without colours. */
import { plot, type Point } from 'simple-ascii-chart';
import type { PlotData } from './report.js';

const WIDTH = 64;
const HEIGHT = 14;
const MARKS = ['o', 'x', '+', '#', '@', '%'];
const BETWEEN = '·';
const TICKS = 5;

/** Renders a plot, several lines, without a final newline; empty where nothing was measured. */
export function renderPlot({ title, x, y, lines }: PlotData): string {
  const drawn = lines
    .map(({ name, values }, at) => ({ name, mark: MARKS[at % MARKS.length], points: values.flatMap((value, place): Point[] => (value === null || !Number.isFinite(value) ? [] : [[place, value]])) }))
    .filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return '';
  const heights = drawn.flatMap(({ points }) => points.map(([, value]) => value));
  const [least, most] = [Math.min(0, ...heights), Math.max(...heights, 1e-9)];
  // The library hands a line's points on in an array of its own: a line is known by its values.
  const lineOf = (input: readonly Point[]): number => drawn.findIndex(({ points }) => points.every(([, value], at) => input[at]?.[1] === value));
  const chart = plot(
    drawn.map(({ points }) => points),
    {
      width: WIDTH,
      height: HEIGHT,
      yRange: [least, most],
      customYAxisTicks: Array.from({ length: TICKS }, (_, tick) => least + ((most - least) * tick) / (TICKS - 1)),
      customXAxisTicks: x.map((_, place) => place),
      formatter: (value, { axis }) => (axis === 'x' ? (x[value] ?? '') : Number(value.toPrecision(3)).toString()),
      lineFormatter: ({ input, index, plotX, plotY, toPlotCoordinates }) => {
        const mark = drawn[lineOf(input)]?.mark ?? '?';
        const symbols = [];
        if (index + 1 < input.length) {
          const [nextX, nextY] = toPlotCoordinates(...input[index + 1]);
          for (let at = plotX + 2; at < nextX; at += 2) {
            symbols.push({ x: at, y: Math.round(plotY + ((nextY - plotY) * (at - plotX)) / (nextX - plotX)), symbol: BETWEEN });
          }
        }
        return [...symbols, { x: plotX, y: plotY, symbol: mark }];
      },
    },
  );
  const legend = drawn.map(({ name, mark }) => `${mark} ${name}`).join('   ');
  return [`${title} (${y})`, ...chart.split('\n').filter((line) => line.trim() !== ''), `   ${legend}`].map((line) => line.trimEnd()).join('\n');
}

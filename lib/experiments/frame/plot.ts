/** Plots for a terminal: one mark a line, dots between its points, so that a plot says the same without colours. */
import { plot, type Point } from 'simple-ascii-chart';
import type { PlotData } from './report.js';

const WIDTH = 64;
const HEIGHT = 14;
const MARKS = ['o', 'x', '+', '#', '@', '%'];
const BETWEEN = '·';
const TICKS = 5;

/** Renders a plot, several lines, without a final newline; empty where nothing was measured. */
export function renderPlot({ title, x, xLabel, y, lines, better, note }: PlotData): string {
  const drawn = lines
    .map(({ name, values }, at) => ({ name, mark: MARKS[at % MARKS.length], points: values.flatMap((value, place): Point[] => (value === null || !Number.isFinite(value) ? [] : [[place, value]])) }))
    .filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return '';
  const heights = drawn.flatMap(({ points }) => points.map(([, value]) => value));
  const [least, most] = [Math.min(0, ...heights), Math.max(...heights, 1e-9)];
  // The library calls for one line after the other, point by point, and does not say which line it is at.
  let line = -1;
  let before: Point = [0, 0];
  const chart = plot(
    drawn.map(({ points }) => points),
    {
      width: WIDTH,
      height: HEIGHT,
      yRange: [least, most],
      customYAxisTicks: Array.from({ length: TICKS }, (_, tick) => least + ((most - least) * tick) / (TICKS - 1)),
      customXAxisTicks: x.map((_, place) => place),
      formatter: (value, { axis }) => (axis === 'x' ? (x[value] ?? '') : Number(value.toPrecision(3)).toString()),
      lineFormatter: ({ index, plotX, plotY }) => {
        if (index === 0) line++;
        const symbols = [{ x: plotX, y: plotY, symbol: drawn[line].mark }];
        const [fromX, fromY] = before;
        for (let x = fromX + 2; index > 0 && x < plotX; x += 2) symbols.unshift({ x, y: Math.round(fromY + ((plotY - fromY) * (x - fromX)) / (plotX - fromX)), symbol: BETWEEN });
        before = [plotX, plotY];
        return symbols;
      },
    },
  );
  const legend = drawn.map(({ name, mark }) => `${mark} ${name}`).join('   ');
  const about = lines.flatMap(({ name, title: of }) => (of === undefined ? [] : [`   ${name}: ${of}`]));
  const below = [...(xLabel === undefined ? [] : [`   along: ${xLabel}`]), `   ${legend}`, ...about, ...(note === undefined ? [] : [`   ${note}`])];
  return [`${title} (${y}${better === undefined ? '' : `; ${better} is better`})`, ...chart.split('\n').filter((line) => line.trim() !== ''), ...below].map((line) => line.trimEnd()).join('\n');
}

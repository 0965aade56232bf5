/** Plots: what they show, their drawing as SVG, and their data as rows. Nothing here knows about benches or experiments. */
export { formatQuantity } from './quantity.js';
export { drawPlot, plotLegend } from './draw.js';
export { plotRows, type PlotRows } from './rows.js';
export type { Activity, Axis, BarsPlot, CdfPlot, HistogramPlot, LinePoint, LinesPlot, Mark, Plot, Quantity, StackedPlot, TimelinePlot } from './spec.js';

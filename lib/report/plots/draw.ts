/** Any plot, drawn for wide and for narrow screens. */
import { html, join, type Markup } from '../markup.js';
import { drawBars, drawStacked } from './bars.js';
import { drawCdf, drawHistogram } from './distributions.js';
import { drawLines, linesLegend } from './lines.js';
import { PAPERS, PART_COLOURS, legend, type Paper } from './paper.js';
import { occurs, type Plot } from './spec.js';
import { drawTimeline } from './timeline.js';

/**
 * Draws a plot, once for each paper.
 * @param about - what a screen reader says in its place
 */
export function drawPlot(plot: Plot, about: string): Markup {
  return join(PAPERS.map((paper) => draw(plot, paper, about)));
}

function draw(plot: Plot, paper: Paper, about: string): Markup {
  switch (plot.kind) {
    case 'lines':
      return drawLines(plot, paper, about);
    case 'cdf':
      return drawCdf(plot, paper, about);
    case 'histogram':
      return drawHistogram(plot, paper, about);
    case 'bars':
      return drawBars(plot, paper, about);
    case 'stacked':
      return drawStacked(plot, paper, about);
    case 'timeline':
      return drawTimeline(plot, paper, about);
  }
}

/** What the colours of a plot mean; nothing where its rows are named. */
export function plotLegend(plot: Plot): Markup {
  switch (plot.kind) {
    case 'lines':
    case 'cdf':
      return linesLegend({ series: plot.series.map(({ name }) => ({ name, points: [] })) });
    case 'stacked':
      return legend(plot.parts.flatMap((label, part) => (occurs(plot, part) ? [{ className: `p${part % PART_COLOURS}`, label }] : [])));
    case 'timeline':
      return legend(plot.activities.map(({ activity, label }) => ({ className: `a-${activity}`, label })));
    case 'bars':
      return plot.extraName === undefined ? html`` : legend([{ className: 'solid', label: plot.valueName }, { className: 'pale', label: plot.extraName }]);
    case 'histogram':
      return html``;
  }
}

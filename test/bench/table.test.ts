import assert from 'node:assert/strict';
import { FIGURES, FIGURE_NAMES, figureMark, renderReport } from '../../lib/bench/index.js';
import { benchReport, emulatedReport } from './reports.js';

describe('a report as a table', () => {
  it('of an emulated host says so in its header and at each figure that depends on time', () => {
    const text = renderReport(emulatedReport(), { color: false });
    assert.match(text, /^host {3}SVM.*CPU EMULATED/m);
    for (const name of FIGURE_NAMES) {
      const { label, unit } = FIGURES[name];
      const line = text.split('\n').find((candidate) => candidate.startsWith(`│ ${label} `)) ?? '';
      assert.equal(line.startsWith(`│ ${label} * `), unit !== 'count', `${name}: ${line}`);
    }
    assert(text.includes(figureMark({ emulated: true }).note ?? 'no note'));
  });

  it('of any other host marks nothing', () => {
    assert.doesNotMatch(renderReport(benchReport(), { color: false }), /EMULATED|\*/);
  });
});

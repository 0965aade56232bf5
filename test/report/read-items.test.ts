import assert from 'node:assert/strict';
import { readItems, renderPage } from '../../lib/report/index.js';
import { benchReport, modeReport } from '../bench/reports.js';
import { experimentReport, faultAccount, speedReport } from './reports.js';

function refuses(text: string, code: string, message: RegExp): void {
  assert.throws(() => readItems(text, 'some.json'), { code, message });
}

describe('reading reports for a page', () => {
  it('takes what bench and experiment write, and loses nothing of what a page shows', () => {
    const bench = benchReport({ modes: [modeReport({ account: faultAccount() })] });
    const experiment = experimentReport();
    const speed = speedReport();
    const items = [...readItems(JSON.stringify(bench), 'b'), ...readItems(JSON.stringify([experiment, experiment]), 'e'), ...readItems(JSON.stringify(speed), 's')];
    assert.deepEqual(items.map(({ kind }) => kind), ['bench', 'experiment', 'experiment', 'speed']);
    const direct = [
      { kind: 'bench', name: 'b', report: bench } as const,
      { kind: 'experiment', name: 'e', report: experiment } as const,
      { kind: 'experiment', name: 'e', report: experiment } as const,
      { kind: 'speed', name: 's', report: speed } as const,
    ];
    const rows = (of: typeof items): string[] => renderPage(of, { madeAt: 'x' }).split('<tr>').sort();
    // Parameters may come in another order.
    assert.deepEqual(rows(items), rows(direct));
  });
  it('says what a file is that is no report', () => {
    refuses('', 'REPORT_NOT_JSON', /is empty/);
    refuses('kvm-faultlab 0.1.0, bench of', 'REPORT_NOT_JSON', /is not JSON/);
    refuses(JSON.stringify(benchReport()).slice(0, 500), 'REPORT_NOT_JSON', /cut off/);
    refuses('{"hello":"world"}', 'REPORT_FOREIGN', /no report of a bench or an experiment/);
    refuses('3', 'REPORT_FOREIGN', /JSON of a single number/);
    refuses('null', 'REPORT_FOREIGN', /JSON of a single null/);
    refuses('[]', 'REPORT_FOREIGN', /empty list/);
    refuses('{"traceEvents":[]}', 'REPORT_FOREIGN', /a trace of another program/);
    refuses('{"facts":[]}', 'REPORT_FOREIGN', /a report of `doctor`/);
  });
  it('says which format a report has that it cannot read', () => {
    refuses(JSON.stringify({ ...benchReport(), reportVersion: 99 }), 'REPORT_VERSION', /a bench in format 99; this release reads format \d+/);
    refuses(JSON.stringify({ ...speedReport(), speedVersion: 9 }), 'REPORT_VERSION', /a run of `speed` in format 9; this release reads format 1/);
    refuses(JSON.stringify([{ ...experimentReport(), reportVersion: 0 }]), 'REPORT_VERSION', /an experiment in format 0/);
  });
  it('names the field that is damaged', () => {
    refuses(JSON.stringify({ ...benchReport(), modes: [] }), 'REPORT_DAMAGED', /no mode was run/);
    refuses(JSON.stringify({ ...speedReport(), figures: [] }), 'REPORT_DAMAGED', /nothing was measured/);
    refuses(JSON.stringify(benchReport({ modes: [modeReport({ account: faultAccount({ faults: 0 }) })] })), 'REPORT_DAMAGED', /account\.faults/);
    refuses(JSON.stringify([{ ...experimentReport(), finding: { answered: true } }]), 'REPORT_DAMAGED', /finding/);
    refuses(JSON.stringify([{ ...experimentReport(), plots: [{ title: 't', x: [], y: '', lines: [{ name: 'a', values: ['1'] }] }] }]), 'REPORT_DAMAGED', /plots\.0\.lines\.0\.values\.0/);
  });
});

import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseLatencyModel, parsePin, parseSource, readTrace, writeTrace } from '../../lib/bench/index.js';
import { placeThreads } from '../../lib/bench/placement.js';
import { nativeAddon } from '../../lib/native/index.js';

describe('files that a bench reads', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'bench-files-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = (name: string, contents: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, contents);
    return path;
  };

  describe('traces', () => {
    for (const name of ['trace', 'trace.u32']) {
      it(`${name}: what is written is read, a page that comes again once`, () => {
        fc.assert(
          fc.property(fc.array(fc.nat(9999), { minLength: 1 }), (pages) => {
            const path = join(folder, name);
            writeTrace(path, Uint32Array.from(pages));
            assert.deepEqual([...readTrace(path, 10_000)], [...new Set(pages)]);
          }),
          { numRuns: 30 },
        );
      });
    }

    it('as text may have remarks and empty lines', () => {
      assert.deepEqual([...readTrace(file('text', '# order of a boot\n7\n\n 3 # twice\n7\r\n'), 8)], [7, 3]);
    });

    const damaged: readonly [title: string, contents: string | Uint8Array, why: RegExp][] = [
      ['empty', '', /names no page/],
      ['of words', 'seven\n', /line 1 is no page index/],
      ['of negative numbers', '1\n-2\n', /line 2 is no page index/],
      ['beyond the image', '5\n100\n', /entry 2 is page 100, and the image has 100 pages/],
      ['of words cut short', Uint8Array.from([1, 0, 0, 0, 2, 0]), /6 bytes/],
    ];
    for (const [title, contents, why] of damaged) {
      it(`${title}: refused`, () => {
        assert.throws(() => readTrace(file('damaged', contents), 100), (error: Error & { code: string }) => error.code === 'TRACE_DAMAGED' && why.test(error.message));
      });
    }

    it('that are not there: refused', () => {
      assert.throws(() => readTrace(join(folder, 'nowhere'), 1), { code: 'TRACE_UNREADABLE' });
      assert.throws(() => readTrace(folder, 1), { code: 'TRACE_UNREADABLE' });
    });
  });

  describe('recorded latencies', () => {
    it('one a line, or with how often it came', () => {
      const model = parseLatencyModel(`file:${file('latencies', '30000 2 # a disk\n\n500\n')}`);
      assert.deepEqual(model.kind === 'recorded' ? [...model.ascendingNs] : model, [500, 30_000, 30_000]);
    });

    for (const [title, contents] of [['none', '\n# nothing\n'], ['a unit', '30us\n'], ['a negative one', '-1\n'], ['eleven seconds', '11000000000\n'], ['too many', '1 2000000\n']] as const) {
      it(`${title}: refused`, () => {
        assert.throws(() => parseLatencyModel(`file:${file('bad', contents)}`), { code: 'LATENCIES_UNREADABLE' });
      });
    }

    it('that are not there, and models that are none: refused', () => {
      assert.throws(() => parseLatencyModel('file:/nowhere'), { code: 'LATENCIES_UNREADABLE' });
      for (const text of ['normal', 'file:', '']) assert.throws(() => parseLatencyModel(text), { code: 'BAD_OPTION' });
    });
  });
});

describe('page sources as people name them', () => {
  it('are known', () => {
    assert.deepEqual(parseSource('file'), { kind: 'file', direct: false });
    assert.deepEqual(parseSource('file:direct'), { kind: 'file', direct: true });
    assert.deepEqual(parseSource('zero'), { kind: 'zero' });
    assert.equal(parseSource('nbd://host/disk').kind, 'nbd');
    for (const text of ['', 'disk', 'http://host/disk', 'nbd:']) assert.throws(() => parseSource(text), { code: 'BAD_OPTION' }, text);
  });
});

describe('CPUs of threads', () => {
  const [first] = nativeAddon().getAffinity();

  it('are those of the process, none, or what is named', () => {
    assert.deepEqual(parsePin('auto'), nativeAddon().getAffinity());
    assert.equal(parsePin('none'), null);
    assert.deepEqual(parsePin(`${first},${first}-${first}`), [first, first]);
  });

  it('that do not exist, or are no CPUs, are refused', () => {
    for (const text of ['4095', '', '0-', '-1', '3-2', 'all', '0;1']) assert.throws(() => parsePin(text), { code: 'BAD_OPTION' }, text);
  });

  it('are dealt out in turn, vCPUs first', () => {
    assert.deepEqual(placeThreads([4, 5], 2, 3), { vcpus: [[4], [5]], resolvers: [[4], [5], [4]] });
  });
});

import assert from 'node:assert/strict';
import { renderPage } from '../../lib/report/index.js';
import { skip } from '../support/skip.js';
import { patience } from '../support/slowness.js';
import { consoleOf, hasChromium, look, photograph } from './chromium.js';
import { someItems } from './reports.js';

describe('a page in a browser', function () {
  this.timeout(patience(120_000));
  const page = renderPage(someItems());

  before(function () {
    if (!hasChromium()) skip(this, 'chromium is not installed');
  });

  it('has nothing on its console', () => {
    assert.deepEqual(consoleOf(page), []);
  });
  it('would have, if something were wrong with a drawing', () => {
    const broken = page.replace(/ d="M[^"]+"/, ' d="M1 NaN"');
    assert.notDeepEqual(consoleOf(broken), []);
  });
  it('draws every plot on a wide screen, with no text outside', () => {
    const seen = look(page, 1100);
    assert.ok(seen.drawings.length >= 5, `${seen.drawings.length} drawings`);
    for (const { label, paths, flatPaths, width } of seen.drawings) {
      assert.ok(paths > 0 && flatPaths === 0, `${label}: ${flatPaths} of ${paths} paths are empty`);
      assert.ok(width > 600, `${label}: ${width} px wide`);
    }
    assert.deepEqual(seen.outside, []);
  });
  for (const width of [390, 320]) {
    it(`fits a phone ${width} px wide, without scrolling sideways`, () => {
      const seen = look(page, width);
      assert.equal(seen.windowWidth, width);
      assert.ok(seen.scrollWidth <= width, `${seen.scrollWidth} px`);
      assert.ok(seen.drawings.length >= 5);
      for (const { width: own } of seen.drawings) assert.ok(own <= width);
      assert.deepEqual(seen.outside, []);
    });
  }
  it('is dark where the reader wants it dark', () => {
    const brightness = (color: string): number => (/\d+/g.exec(color) === null ? NaN : (color.match(/\d+/g) ?? []).slice(0, 3).map(Number).reduce((a, b) => a + b, 0) / 3);
    assert.ok(brightness(look(page, 800).background) > 200);
    assert.ok(brightness(look(page, 800, { dark: true }).background) < 60);
  });
  it('can be photographed', () => {
    const picture = photograph(page, 900, 1200);
    assert.equal(picture.subarray(1, 4).toString('latin1'), 'PNG');
    assert.ok(picture.length > 20_000, `${picture.length} bytes: nothing is on it`);
  });
});

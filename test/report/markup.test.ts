import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Markup, escapeText, html, join } from '../../lib/report/markup.js';

describe('markup', () => {
  it('lets no text open or close anything', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(escapeText(text), /[<>"']/);
        assert.doesNotMatch(escapeText(text), /&(?!(?:amp|lt|gt|quot|#39);)/);
      }),
    );
  });
  it('keeps what a text says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
        const back = escapeText(text).replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&amp;/g, '&');
        assert.equal(back, text);
      }),
    );
  });
  it('replaces characters that documents may not have, and those that turn text around', () => {
    assert.equal(escapeText('a\u0000b\u001bc\u202ed\ud800e'), 'a\ufffdb\ufffdc\ufffdd\ufffde');
    assert.equal(escapeText('tab\tline\n'), 'tab\tline\n');
  });
  it('escapes what is put into a template, and markup only once', () => {
    const inner = html`<b title="${'"x"'}">${'a < b'}</b>`;
    assert.equal(html`<p>${inner}${null}${false}${3}${['&', inner]}</p>`.toString(), '<p><b title="&quot;x&quot;">a &lt; b</b>3&amp;<b title="&quot;x&quot;">a &lt; b</b></p>');
    assert.equal(join(['<', Markup.trusted('<i>')], ' & ').toString(), '&lt; &amp; <i>');
  });
});

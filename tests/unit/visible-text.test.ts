/** Visible text: HTML that shows other words is found out, and nothing is claimed of HTML that Graph may change. @module */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { showsOtherText } from '../../shared/mailbox/visible-text.ts';

const asExchange = (body: string) =>
  `<html><head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8"><style>p { margin: 0 }</style></head><body>\r\n${body}\r\n</body></html>`;

describe('HTML that is read back', () => {
  for (const [sent, held] of [
    ['<p>one <b>two</b></p>', asExchange('<p>one\r\n<b>two</b></p>')],
    ['one &amp; two&nbsp;&#51; &lt;4&gt; &#128077;', asExchange('one &amp; two \u00a0 3 &lt;4&gt; &#x1F44D;')],
    ['<!DOCTYPE html><html><head><title>x</title></head><body><p class="a">one</p></body></html>', asExchange('<p>two</p>')],
    ['<a href="javascript:x()">one</a>', asExchange('<a>one</a>')],
    ['<img src="cid:1" alt="a > b">one', asExchange('<img src="cid:1">two')],
  ] as const) {
    test(`shows the same words, or what it shows is not certain: ${sent}`, () => assert.equal(showsOtherText(sent, held), false));
  }

  for (const [sent, held] of [
    ['<p>one</p>', asExchange('<p>two</p>')],
    ['<p>one</p>', asExchange('<p>one</p><p>two</p>')],
    ['<p>one</p>', ''],
    ['', asExchange('<p>one</p>')],
    ['<p>one</p>', asExchange('<table><tr><td>two</td></tr></table>')],
    ['<html><head><meta charset="utf-8"></head><body>one &amp; two</body></html>', asExchange('one or two')],
  ] as const) {
    test(`shows other words: ${sent} is not ${held.replaceAll(/\s+/g, ' ')}`, () => assert.equal(showsOtherText(sent, held), true));
  }

  for (const uncertain of [
    '<script>x</script>',
    '<style>x</style>',
    '<table><tr><td>x</td></tr></table>',
    '<!-- x -->',
    '<p title="a>b">x</p>',
    'x &copy; y',
    'x &#150; y',
    'x &#xD800; y',
    'x &#9999999; y',
    'a < b',
    '<p',
    '<head>x',
    '<custom-element>x</custom-element>',
  ]) {
    test(`is not judged where it holds ${uncertain}`, () => assert.equal(showsOtherText(`<p>one</p>${uncertain}`, '<p>two</p>'), false));
  }

  for (const part of ['<head>', '<head', '<', '<p ', '&', '&#', '</head ', '<head></head>', '<p>']) {
    test(`costs no time where it is a megabyte of ${part}`, () => {
      const hostile = part.repeat(Math.ceil(1_048_576 / part.length));
      assert.equal(showsOtherText(hostile, hostile), false);
      showsOtherText('<p>one</p>', hostile);
      showsOtherText(hostile, '<p>one</p>');
    });
  }
});

/** Text of reports: nothing that a source writes becomes a formula, a new cell or an invisible character. @module */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { maskNumber } from '../../shared/reports/mask-number.ts';
import { reportName, reportType } from '../../shared/reports/report-names.ts';
import { csvLines, jsonText } from '../../shared/reports/report-text.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`seed ${seed}`);

/** Texts made of what spreadsheets and terminals stumble over. */
const hostile = fc
  .array(
    fc.constantFrom(
      '=',
      '+',
      '-',
      '@',
      '＝',
      '＋',
      '－',
      '＠',
      '\t',
      '\r',
      '\n',
      ' ',
      '\u00a0',
      '"',
      "'",
      ',',
      ';',
      '|',
      'cmd',
      '1',
      'é',
      '😀',
      '\u202e',
      '\u2066',
      '\u200f',
      '\u2028',
      '\0',
      '\u{e0041}',
      '\ud800',
      '\\',
    ),
    {
      maxLength: 12,
    },
  )
  .map((pieces) => pieces.join(''));
const INVISIBLE = /[\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

describe('CSV of reports', () => {
  for (const text of ["=cmd|' /C calc'!A0", '+1', '-1', '@SUM(1)', '＝1', '\t=1', '\r=1', ' =1', '\u00a0@x']) {
    test(`${JSON.stringify(text)} is no formula`, () => {
      const [row] = parse(csvLines([[text]]));
      assert.match(row?.[0] ?? '', /^['\\]/);
    });
  }

  test('plain text, letters of any script and emoji stay as they are', () => {
    const cells = ['89e7073266', 'שלום', 'a, "b" c', '😀', '16*****0101', ''];
    assert.deepEqual(parse(csvLines([cells])), [cells]);
  });

  test('a right-to-left override is shown, not obeyed', () => {
    assert.deepEqual(parse(csvLines([['a\u202egnp.exe']])), [['a\\u{202e}gnp.exe']]);
  });

  test('whatever the texts, each is one cell of one line, no formula, and nothing is invisible', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(hostile, hostile, hostile), { minLength: 1, maxLength: 5 }), (rows) => {
        const text = csvLines(rows);
        const cells = parse(text);
        assert.deepEqual(
          cells.map(({ length }) => length),
          rows.map(() => 3),
        );
        for (const cell of cells.flat()) assert.doesNotMatch(cell.trimStart(), /^[=+\-@＝＋－＠]/);
        assert.doesNotMatch(text, INVISIBLE);
        assert.equal(text.split('\r\n').length, rows.length + 1);
        assert.equal(text.includes(';'), false, 'where the semicolon is the list separator a cell would begin here');
      }),
      { seed, numRuns: 500 },
    );
  });
});

describe('JSON of reports', () => {
  test('it says exactly what was written, and nothing in it is invisible', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const json = jsonText({ text });
        assert.deepEqual(JSON.parse(json), { text });
        assert.doesNotMatch(json, INVISIBLE);
      }),
      { seed, numRuns: 500 },
    );
  });
});

describe('masked numbers', () => {
  for (const [number, masked] of [
    ['16175550101', '161****0101'],
    ['+1 (617) 555-0101', '161****0101'],
    ['447700900123', '447*****0123'],
    ['6175550101', '61****0101'],
    ['5550101', '****101'],
    ['12345', '****5'],
    ['911', '***'],
    ['no digits', ''],
  ] as const) {
    test(`${number} becomes ${masked === '' ? 'nothing' : masked}`, () => assert.equal(maskNumber(number), masked));
  }
});

describe('names of reports', () => {
  const run = { runId: 'enterprise-number-000012', to: '2026-11-23T01:30:00.000Z' };

  test('every name that the app gives can be read', () => {
    for (const part of ['', '-duplicates', '-reconciliation-3'] as const) {
      for (const version of [1, 2]) {
        for (const type of ['json', 'csv'] as const) {
          assert.equal(reportType('enterprise-number', reportName(run, part, version, type)), type);
        }
      }
    }
  });

  for (const name of [
    '',
    'locks/enterprise-number',
    'reconciliations/enterprise-number-000012.json',
    '2026-11-23/../locks/enterprise-number',
    '2026-11-23/enterprise-number-000012.json/..',
    '2026-11-23\\enterprise-number-000012.json',
    '/2026-11-23/enterprise-number-000012.json',
    '2026-11-23/enterprise-number-000012.eml',
    '2026-11-23/enterprise-number-000012.json\n',
    '2026-11-23/signal-000012.json',
    'x2026-11-23/enterprise-number-000012.json',
  ]) {
    test(`${JSON.stringify(name)} is no name of a report of this archiver`, () => {
      assert.equal(reportType('enterprise-number', name), undefined);
    });
  }
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CountryCode } from 'libphonenumber-js/min';
import { limits } from '../../shared/limits.ts';
import { MappingFileError } from '../../shared/mapping/mapping-file-error.ts';
import { parseMappingFile, type MappingTable } from '../../shared/mapping/parse-mapping-file.ts';
import { readNumber } from '../../shared/mapping/phone-number.ts';

const HEADER = 'External User ID,Microsoft 365 User Mailbox';

function parse(file: string | Uint8Array, defaultCountry?: CountryCode): MappingTable {
  return parseMappingFile(typeof file === 'string' ? Buffer.from(file) : file, { defaultCountry });
}

/** Line and problem of each problem of a file. */
function problemsOf(file: string | Uint8Array, defaultCountry?: CountryCode): [number, string][] {
  try {
    parse(file, defaultCountry);
  } catch (error) {
    assert.ok(error instanceof MappingFileError);
    for (const { line, problem } of error.problems) assert.ok(error.message.includes(`line ${line}: ${problem}`));
    assert.doesNotMatch(error.message, /susan|@|4452|4334/, 'no number and no address in a message');
    return error.problems.map(({ line, problem }) => [line, problem]);
  }
  throw new assert.AssertionError({ message: 'the file was accepted' });
}

function assertProblem(row: string, problem: RegExp, defaultCountry?: CountryCode): void {
  const problems = problemsOf(`${HEADER}\n16175550101,ada@company.com\n${row}\n16175550102,ben@company.com\n`, defaultCountry);
  assert.equal(problems.length, 1, JSON.stringify(problems));
  assert.equal(problems[0]![0], 3);
  assert.match(problems[0]![1], problem);
}

const DOCUMENTED = `${HEADER}\r\n445204334324,Susan@Company.com\r\n16175550101,ada@company.com\r\n`;

function assertDocumented(file: string | Uint8Array): void {
  const table = parse(file);
  assert.equal(table.rows, 2);
  assert.equal(table.find(['+445204334324']), 'susan@company.com');
  assert.equal(table.find(['+16175550101']), 'ada@company.com');
  assert.equal(table.find(['+16175550102']), undefined);
}

describe('a mapping file is read', () => {
  const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');
  const files: Record<string, string | Uint8Array> = {
    'as documented': DOCUMENTED,
    'with a byte order mark': `\ufeff${DOCUMENTED}`,
    'in UTF-16 LE': utf16(DOCUMENTED),
    'in UTF-16 BE': utf16(DOCUMENTED).swap16(),
    'with LF': DOCUMENTED.replaceAll('\r\n', '\n'),
    'with CR': DOCUMENTED.replaceAll('\r\n', '\r'),
    'without a line end behind the last row': DOCUMENTED.trimEnd(),
    'with empty lines at the end': `${DOCUMENTED}\r\n\r\n,\r\n ,"" \r\n`,
    'with semicolons': DOCUMENTED.replaceAll(',', ';'),
    'with tabs': DOCUMENTED.replaceAll(',', '\t'),
    'in UTF-16 with tabs, as Excel saves Unicode text': utf16(DOCUMENTED.replaceAll(',', '\t')),
    'with everything in quotes': DOCUMENTED.replace(/[^,\r\n]+/g, '"$&"'),
    'with blanks around quotes and cells': DOCUMENTED.replace(/[^,\r\n]+/g, ' "$&" '),
    'with other columns, in another order':
      'Department,MAILBOX,"Name, first",Mobile number\nA,susan@company.com,"S ""S""\nS",445204334324\nB,ada@company.com,,16175550101',
    'with more commas inside quotes than delimiters': 'phone;"a,b,c,d";UPN\n445204334324;;susan@company.com\n16175550101;;ada@company.com',
    'with a header in other words': 'phone;UPN\n445204334324;susan@company.com\n16175550101;ada@company.com',
    'with a header in other punctuation':
      'EXTERNAL_USER-ID , Microsoft365 User mailbox\n445204334324,susan@company.com\n16175550101,ada@company.com',
    'without a header': '445204334324,susan@company.com\n16175550101,ada@company.com',
    'without a header and the mailbox first': 'susan@company.com;+44 5204 334324\nada@company.com;(1) 617-555-0101',
    'with apostrophes, as spreadsheets write numbers that are text': `${HEADER}\n'+445204334324,susan@company.com\n'16175550101,ada@company.com`,
    'with numbers in all manners': `${HEADER}\n+44 (0)5204-334324,susan@company.com\n0016175550101,ada@company.com`,
    'with digits of other scripts': `${HEADER}\n٤٤٥٢٠٤٣٣٤٣٢٤,susan@company.com\n１６１７５５５０１０１,ada@company.com`,
  };
  for (const [how, file] of Object.entries(files)) test(how, () => assertDocumented(file));

  test('with the default country for numbers without a country code', () => {
    assert.equal(parse(`${HEADER}\n020 7946 0103,chen@company.com`, 'GB').find(['+442079460103']), 'chen@company.com');
  });

  test('with rows that say the same twice', () => {
    assert.equal(
      parse(`${HEADER}\n16175550101,ada@company.com\n+1 617 555 0101,ADA@company.com`).find(['+16175550101']),
      'ada@company.com',
    );
  });

  test('with quoted cells that span lines, and later lines are still counted right', () => {
    const file = `Name,${HEADER}\r\n"A\r\nB",16175550101,ada@company.com\r\nC,1,ben@company.com`;
    assert.deepEqual(
      problemsOf(file).map(([line]) => line),
      [4],
    );
  });
});

describe('a number that can be read in two ways', () => {
  const CHICAGO_OR_HOLLAND = '3125550123';

  test('is found by either reading', () => {
    const table = parse(`${HEADER}\n${CHICAGO_OR_HOLLAND},ada@company.com`, 'US');
    assert.equal(table.find(['+3125550123']), 'ada@company.com');
    assert.equal(table.find(readNumber('13125550123', 'US')), 'ada@company.com');
  });

  test('is that of the row whose first reading it is', () => {
    const table = parse(`${HEADER}\n${CHICAGO_OR_HOLLAND},holland@company.com\n13125550123,chicago@company.com`, 'US');
    assert.equal(table.find(['+13125550123']), 'chicago@company.com');
    assert.equal(table.find(['+3125550123']), 'holland@company.com');
    assert.equal(table.find(readNumber(CHICAGO_OR_HOLLAND, 'US')), 'holland@company.com');
  });

  test('in the item is tried in order', () => {
    const table = parse(`${HEADER}\n+13125550123,chicago@company.com`, 'US');
    assert.equal(table.find(readNumber(CHICAGO_OR_HOLLAND, 'US')), 'chicago@company.com');
  });

  test('maps nobody where two rows could mean it and neither does first', () => {
    const rows = (second: string) => parse(`${HEADER}\n89161234567,a@company.com\n9161234567,${second}`, 'RU');
    assert.equal(rows('b@company.com').find(['+79161234567']), undefined);
    assert.equal(rows('a@company.com').find(['+79161234567']), 'a@company.com');
  });
});

describe('a mapping file is refused', () => {
  test('for a number that Excel has shortened', () => {
    for (const number of ['4.47911E+11', '"4,47911E+11"', '4E+11', "'4.5e11"])
      assertProblem(`${number},susan@company.com`, /Excel has shortened/);
  });

  test('for a number with decimals', () => {
    for (const number of ['445204334324.0', '"445204334324,00"']) assertProblem(`${number},susan@company.com`, /decimals/);
  });

  test('for a number that is missing, too short, too long, without a country code, or no number', () => {
    assertProblem(',susan@company.com', /no number/);
    assertProblem('123456,susan@company.com', /fewer than 7 digits/);
    assertProblem('1234567890123456,susan@company.com', /more than 15 digits/);
    assertProblem('07911123456,susan@company.com', /without a country code.*PHONE_DEFAULT_COUNTRY/);
    assertProblem('44 5204 334324 ext 5,susan@company.com', /other characters/);
    assert.deepEqual(
      problemsOf(`${HEADER}\nsusan@company.com,445204334324`).map(([line]) => line),
      [2, 2],
    );
  });

  test('for an address that is missing or none', () => {
    assertProblem('445204334324,', /no mailbox address/);
    assertProblem('445204334324', /no mailbox address/);
    assertProblem('445204334324,susan', /no e-mail address/);
    assertProblem('445204334324,susan@company', /no e-mail address/);
  });

  test('for more cells than the header has, or than two without one', () => {
    assertProblem('445204334324,susan@company.com,x', /more than 2 cells/);
    assert.deepEqual(
      problemsOf('16175550101,ada@company.com\n445204334324,susan@company.com,x').map(([line]) => line),
      [2],
    );
    assert.equal(parse(`${HEADER}\n16175550101,ada@company.com,,\n`).rows, 1);
  });

  test('for an empty row between others', () => {
    assertProblem('', /is empty/);
    assertProblem(' , ', /is empty/);
    assert.deepEqual(
      problemsOf(`\n${DOCUMENTED}`).map(([line]) => line),
      [1],
    );
  });

  test('for two rows that give one number to two mailboxes, naming both lines', () => {
    const problems = problemsOf(`${HEADER}\n445204334324,susan@company.com\n16175550101,ada@company.com\n+44 5204 334324,ada@company.com`);
    assert.deepEqual(problems, [[4, 'has the same number as line 2 and another mailbox; remove one of the two']]);
  });

  test('for quotation marks that do not match, by line', () => {
    assert.match(
      problemsOf(`${HEADER}\n16175550101,ada@company.com\n"445204334324,susan@company.com\n1,2\n`)[0]!.join(' '),
      /^3 .*never closed/,
    );
    assert.match(problemsOf(`${HEADER}\n"16175550101"x,ada@company.com\n`)[0]!.join(' '), /^2 .*behind a closing/);
    assert.match(problemsOf(`${HEADER}\n1617"5550101,ada@company.com\n`)[0]!.join(' '), /^2 .*inside a cell/);
  });

  test('for bytes that are not UTF-8, by line', () => {
    const file = Buffer.from(`${DOCUMENTED}16175550102,b\xf6n@company.com\r\n16175550103,c\xe9@company.com`, 'latin1');
    assert.deepEqual(
      problemsOf(file).map(([line, problem]) => [line, /not UTF-8; save the file/.test(problem)]),
      [
        [4, true],
        [5, true],
      ],
    );
  });

  test('for UTF-16 without a byte order mark', () => {
    assert.match(problemsOf(Buffer.from(DOCUMENTED, 'utf16le'))[0]!.join(' '), /^1 .*could not be read/);
  });

  test('where it is empty or has no row, telling how custom mapping is turned off', () => {
    for (const empty of ['', '\ufeff', '\r\n\r\n', ',\n', HEADER, `${HEADER}\r\n\r\n`]) {
      const problems = problemsOf(empty);
      assert.equal(problems.length, 1);
      assert.match(problems[0]!.join(' '), /^1 .*delete the file/);
    }
  });

  test('where the first row is neither a header nor data', () => {
    for (const first of ['Name,Department', 'External User ID', 'Ada,ada@company.com', '16175550101']) {
      assert.match(problemsOf(`${first}\n16175550101,ada@company.com`)[0]!.join(' '), /^1 .*start the file with the line External User ID/);
    }
  });

  test('with all its problems at once', () => {
    const problems = problemsOf(`${HEADER}\n123,nobody\n16175550101,ada@company.com\n\n,x@company.com\n`);
    assert.deepEqual(
      problems.map(([line]) => line),
      [2, 2, 4, 5],
    );
  });

  test('with the first hundred problems and the number of the others', () => {
    assert.throws(
      () => parse(`${HEADER}\n${'1,x\n'.repeat(75)}`),
      (error) => error instanceof MappingFileError && error.problems.length === 100 && error.message.endsWith('and 50 more'),
    );
  });

  test('where it is larger than allowed', () => {
    assert.match(problemsOf(Buffer.alloc(limits.mappingBytes + 1, '\n'))[0]![1], /limit mappingBytes/);
  });

  test('where it has more rows than allowed', () => {
    const rows = Array.from({ length: limits.mappingRows + 1 }, () => '16175550101,a@b.c').join('\n');
    const [problem] = problemsOf(`${HEADER}\n${rows}`);
    assert.deepEqual([problem?.[0], /limit mappingRows/.test(problem?.[1] ?? '')], [limits.mappingRows + 2, true]);
  });
});

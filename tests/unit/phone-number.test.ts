import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { CountryCode } from 'libphonenumber-js/min';
import { findNumberTexts, readNumber } from '../../shared/mapping/phone-number.ts';

describe('a number is read', () => {
  const numbers: [text: string, country: CountryCode | undefined, ...readings: string[]][] = [
    ['16174354634', undefined, '+16174354634'],
    ['445204334324', undefined, '+445204334324'],
    ['16175550101', 'US', '+16175550101'],
    ['+1 (617) 555-0104', undefined, '+16175550104'],
    ['+1 (617) 555-0104', 'GB', '+16175550104'],
    ['0016175550104', undefined, '+16175550104'],
    ['00 44 20 7946 0103', undefined, '+442079460103'],
    ['+44 (0)20 7946 0103', undefined, '+442079460103'],
    ['+44 (0) 20 7946 0103', undefined, '+442079460103'],
    ['+44 020 7946 0103', undefined, '+442079460103'],
    ['+39 (0)6 1234 5678', undefined, '+390612345678'],
    ["'+3125550123", 'US', '+3125550123'],
    ['\u202a+3125550123\u202c', 'US', '+3125550123'],
    ['44.20.7946/0103', undefined, '+442079460103'],
    ["'+442079460103", undefined, '+442079460103'],
    ["'442079460103", undefined, '+442079460103'],
    ['＋４４２０７９４６０１０３', undefined, '+442079460103'],
    ['٤٤٢٠٧٩٤٦٠١٠٣', undefined, '+442079460103'],
    ['۴۴۲۰۷۹۴۶۰۱۰۳', undefined, '+442079460103'],
    ['\u202a+44\u00a020\u20117946\u22120103\u202c', undefined, '+442079460103'],
    ['3125550123', 'US', '+3125550123', '+13125550123'],
    ['(312) 555-0123', 'US', '+3125550123', '+13125550123'],
    ['+3125550123', 'US', '+3125550123'],
    ['020 7946 0103', 'GB', '+442079460103'],
    ['020 7946 0103', undefined],
    ['011 44 20 7946 0103', 'US', '+442079460103'],
    ['5550101', 'US', '+5550101', '+15550101'],
    ['+999 1234 5678', undefined, '+99912345678'],
    ['123456', 'US'],
    ['+1234567890123456', undefined],
    ['1234567890123456', 'US'],
    ['', 'US'],
    ['no number', 'US'],
  ];
  for (const [text, country, ...readings] of numbers) {
    test(`"${text}"${country === undefined ? '' : ` in ${country}`} as ${readings.join(', ') || 'none'}`, () => {
      assert.deepEqual(readNumber(text, country), readings);
    });
  }

  test('the same whatever separates its digits', () => {
    const separator = fc.constantFrom('', ' ', '-', '.', '/', '\u00a0', ')', '\u2013');
    fc.assert(
      fc.property(fc.stringMatching(/^[1-9]\d{9,12}$/), fc.array(separator, { minLength: 13, maxLength: 13 }), (digits, separators) => {
        const text = digits
          .split('')
          .map((digit, index) => digit + separators[index])
          .join('');
        assert.deepEqual(readNumber(text, 'US'), readNumber(digits, 'US'));
      }),
      { seed: 20_261_122 },
    );
  });
});

describe('numbers are found in a display name', () => {
  const names: [name: string, ...texts: string[]][] = [
    ['Ada Fields 16175550101', '16175550101'],
    ['16175550101', '16175550101'],
    ['Ada+16175550101Fields', '+16175550101'],
    ['Ada Fields (617) 555-0101', '(617) 555-0101'],
    ['+44 (0)20 7946 0103 Chen', '+44 (0)20 7946 0103'],
    ['0044 2079460103', '0044 2079460103'],
    ['44 2079460103', '2079460103', '44 2079460103'],
    ['Agent 7 16175550101', '16175550101', '7 16175550101'],
    ['16175550101/442079460103', '16175550101', '442079460103'],
    ['16175550101, 442079460103', '16175550101', '442079460103'],
    ['+16175550101 +442079460103', '+16175550101', '+442079460103'],
    ['+1 617 555 0101 16175550102', '+1 617 555 0101', '16175550102'],
    ['\u202a+1\u200b6175550101\u202c', '+16175550101'],
    ['+1 617 555 0101 123456', '+1 617 555 0101'],
    ['+1 617 555 0101 22', '+1 617 555 0101 22', '+1 617 555 0101'],
    ['00 123 456 789 012 345 Ada', '00 123 456 789 012 345', '00 123 456 789 012', '00 123 456 789'],
    ['ext. 123456'],
    ['Team 2026'],
    ['12345678901234567890'],
    [''],
  ];
  for (const [name, ...texts] of names) {
    test(`"${name}": ${texts.join(', ') || 'none'}`, () => assert.deepEqual(findNumberTexts(name), texts));
  }

  test('wherever words without digits stand around one', () => {
    const word = fc.stringMatching(/^[A-Za-zא-ת.,:()-]{0,12}$/);
    fc.assert(
      fc.property(word, fc.stringMatching(/^[1-9]\d{9,14}$/), word, (before, number, after) => {
        const found = findNumberTexts(`${before} ${number} ${after}`).flatMap((text) => readNumber(text));
        assert.ok(found.some((reading) => readNumber(number).includes(reading)));
      }),
      { seed: 20_261_122 },
    );
  });
});

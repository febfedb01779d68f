/**
 * NCRONTAB schedules of the local host.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { parseSchedule } from '../../shared/ncrontab.ts';

function nextTimes(expression: string, after: string, count: number): (string | undefined)[] {
  const schedule = parseSchedule(expression);
  const times: (string | undefined)[] = [];
  let time: Date | undefined = new Date(after);
  for (let index = 0; index < count && time; index += 1) {
    time = schedule.nextAfter(time);
    times.push(time?.toISOString());
  }
  return times;
}

describe('the next time of a schedule', () => {
  const cases: [string, string, string, string[]][] = [
    ['every day at half past one, UTC', '0 30 1 * * *', '2024-05-01T01:29:59Z', ['2024-05-01T01:30:00.000Z', '2024-05-02T01:30:00.000Z']],
    ['strictly after the given time', '0 30 1 * * *', '2024-05-01T01:30:00Z', ['2024-05-02T01:30:00.000Z']],
    [
      'steps',
      '*/20 59 23 31 12 *',
      '2024-12-31T23:59:10Z',
      ['2024-12-31T23:59:20.000Z', '2024-12-31T23:59:40.000Z', '2025-12-31T23:59:00.000Z'],
    ],
    [
      'one value with a step goes on to the end of the field',
      '5/25 0 0 * * *',
      '2024-01-01T00:00:00Z',
      ['2024-01-01T00:00:05.000Z', '2024-01-01T00:00:30.000Z', '2024-01-01T00:00:55.000Z'],
    ],
    [
      'a range with a step',
      '0 10-50/20 8 * * *',
      '2024-01-01T08:10:00Z',
      ['2024-01-01T08:30:00.000Z', '2024-01-01T08:50:00.000Z', '2024-01-02T08:10:00.000Z'],
    ],
    [
      'a list, in any order',
      '0 0 20,4,12 * * *',
      '2024-01-01T04:00:00Z',
      ['2024-01-01T12:00:00.000Z', '2024-01-01T20:00:00.000Z', '2024-01-02T04:00:00.000Z'],
    ],
    ['names of weekdays', '0 0 6 * * mon-FRI', '2024-05-03T06:00:00Z', ['2024-05-06T06:00:00.000Z']],
    ['Sunday is 0', '0 0 6 * * 0', '2024-05-03T06:00:00Z', ['2024-05-05T06:00:00.000Z']],
    [
      'names of months, whole or short',
      '0 0 0 1 feb,October *',
      '2024-02-01T00:00:00Z',
      ['2024-10-01T00:00:00.000Z', '2025-02-01T00:00:00.000Z'],
    ],
    ['day and weekday must both match', '0 0 0 13 * 5', '2024-01-01T00:00:00Z', ['2024-09-13T00:00:00.000Z', '2024-12-13T00:00:00.000Z']],
    ['leap days only', '0 0 0 29 2 *', '2097-01-01T00:00:00Z', ['2104-02-29T00:00:00.000Z']],
  ];
  for (const [name, expression, after, expected] of cases) {
    test(`${name} (${expression})`, () => {
      assert.deepEqual(nextTimes(expression, after, expected.length), expected);
    });
  }

  test('does not exist for a day that never comes', () => {
    assert.deepEqual(nextTimes('0 0 0 31 2 *', '2024-01-01T00:00:00Z', 1), [undefined]);
  });

  test('is the same from every moment before it, and matches every fixed field', () => {
    const field = (lowest: number, highest: number) => fc.oneof(fc.constant(undefined), fc.integer({ min: lowest, max: highest }));
    const fields = fc.tuple(field(0, 59), field(0, 59), field(0, 23), field(1, 28), field(1, 12));
    const time = fc.date({ min: new Date('2000-01-01'), max: new Date('2080-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(fields, time, fc.double({ min: 0, max: 0.999_999, noNaN: true }), (values, after, part) => {
        const schedule = parseSchedule([...values.map((value) => value?.toString() ?? '*'), '*'].join(' '));
        const next = schedule.nextAfter(after);
        assert.ok(next && next > after);
        const found = [next.getUTCSeconds(), next.getUTCMinutes(), next.getUTCHours(), next.getUTCDate(), next.getUTCMonth() + 1];
        assert.deepEqual(
          found,
          values.map((value, index) => value ?? found[index]),
        );
        const between = new Date(after.getTime() + Math.floor((next.getTime() - after.getTime()) * part));
        assert.deepEqual(schedule.nextAfter(between), next);
      }),
    );
  });
});

describe('a schedule that is not one', () => {
  const cases: [string, RegExp][] = [
    ['30 1 * * *', /5 fields; expected 6/],
    ['0 60 1 * * *', /"60" as minute; expected 0 to 59/],
    ['0 0 24 * * *', /"24" as hour/],
    ['0 0 0 0 * *', /"0" as day/],
    ['0 0 0 * * 7', /"7" as day of the week/],
    ['0 0 22-2 * * *', /"22-2" as hour/],
    ['0 */0 * * * *', /"\*\/0" as minute/],
    ['0 0 0 * ju *', /"ju" as month/],
    ['0 0 0 * * mon-', /"mon-" as day of the week/],
    ['0 1,,2 0 * * *', /"" as minute/],
    ['0 -1 0 * * *', /"-1" as minute/],
  ];
  for (const [expression, expected] of cases) {
    test(`${expression} is refused, and the error names the field`, () => {
      assert.throws(() => parseSchedule(expression), expected);
    });
  }
});

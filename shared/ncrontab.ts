/**
 * NCRONTAB schedules: six fields (second, minute, hour, day, month, day of the week), in UTC.
 *
 * @module
 */

const MONTHS = ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december'];
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

interface Field {
  name: string;
  lowest: number;
  highest: number;
  /** Words for the values, beginning with `lowest`; three letters are enough. */
  words?: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'second', lowest: 0, highest: 59 },
  { name: 'minute', lowest: 0, highest: 59 },
  { name: 'hour', lowest: 0, highest: 23 },
  { name: 'day', lowest: 1, highest: 31 },
  { name: 'month', lowest: 1, highest: 12, words: MONTHS },
  { name: 'day of the week', lowest: 0, highest: 6, words: WEEKDAYS },
];

/** Days looked ahead: 29 February comes every 8 years at the latest (1896, 1904), and on a given weekday every 40. */
const DAYS_AHEAD = 41 * 366;

/** A parsed schedule. */
export interface Schedule {
  readonly expression: string;
  /** The first time after the given one, in UTC; undefined when there is none (31 February). */
  nextAfter(time: Date): Date | undefined;
}

/**
 * Parses a schedule.
 *
 * @param expression - For example `0 30 1 * * *`, every day at 01:30 UTC. Lists `1,2`, ranges `1-5`, steps `0/15` and `10-50/20`, names `mon-fri`.
 *   Day and day of the week must both match.
 * @throws Error that names the field and what is wrong with it.
 */
export function parseSchedule(expression: string): Schedule {
  const texts = expression.trim().split(/\s+/);
  if (texts.length !== FIELDS.length) {
    throw new Error(`the schedule "${expression}" has ${String(texts.length)} fields; expected 6: second minute hour day month weekday`);
  }
  const sets = FIELDS.map((field, index) => parseField(texts[index] ?? '', field, expression));
  const [seconds, minutes, hours, days, months, weekdays] = sets as [
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
  ];

  function firstTimeOfDay(from: number): number | undefined {
    for (const hour of hours) {
      for (const minute of minutes) {
        for (const second of seconds) {
          const time = (hour * 60 + minute) * 60 + second;
          if (time >= from) {
            return time;
          }
        }
      }
    }
    return undefined;
  }

  return {
    expression,
    nextAfter(time) {
      const start = Math.floor(time.getTime() / 1000) + 1;
      let from = start % 86_400;
      for (let day = Math.floor(start / 86_400), end = day + DAYS_AHEAD; day < end; day += 1, from = 0) {
        const date = new Date(day * 86_400_000);
        if (days.has(date.getUTCDate()) && months.has(date.getUTCMonth() + 1) && weekdays.has(date.getUTCDay())) {
          const second = firstTimeOfDay(from);
          if (second !== undefined) {
            return new Date((day * 86_400 + second) * 1000);
          }
        }
      }
      return undefined;
    },
  };
}

/** @returns the values in ascending order. */
function parseField(text: string, field: Field, expression: string): Set<number> {
  const refuse = (part: string): never => {
    throw new Error(
      `the schedule "${expression}" has "${part}" as ${field.name}; expected ${String(field.lowest)} to ${String(field.highest)}, a list, an ascending range or a step`,
    );
  };
  const values: number[] = [];
  for (const part of text.split(',')) {
    const [, whole, first, last, stepText] = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(part) ?? refuse(part);
    const step = stepText === undefined ? 1 : Number(stepText);
    const from = whole === undefined ? readValue(first ?? '', field) : field.lowest;
    // One value with a step goes on to the end of the field, as in NCrontab: 5/20 is 5,25,45.
    const onlyOne = last === undefined && stepText === undefined && whole === undefined;
    const to = last !== undefined ? readValue(last, field) : onlyOne ? from : field.highest;
    if (from === undefined || to === undefined || from > to || step < 1) {
      return refuse(part);
    }
    for (let value = from; value <= to; value += step) {
      values.push(value);
    }
  }
  return new Set(values.toSorted((a, b) => a - b));
}

function readValue(text: string, field: Field): number | undefined {
  const word = field.words?.findIndex((name) => text.length >= 3 && name.startsWith(text.toLowerCase())) ?? -1;
  const value = word >= 0 ? word + field.lowest : /^\d+$/.test(text) ? Number(text) : undefined;
  return value !== undefined && value >= field.lowest && value <= field.highest ? value : undefined;
}

/**
 * Reads the Date header. Strict on purpose: the engine's own parser turns `hello 5` into the year 2001, and a wrong time is worse than none.
 *
 * @module
 */

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');

/** RFC 5322, obsolete forms included: the weekday, the seconds and the zone may be missing, years may have two digits. */
const RFC_5322 =
  /^(?:[a-z]{3,9}\.?,?\s+)?(\d{1,2})[-\s]+([a-z]{3})[a-z]*[-\s]+(\d{4}|\d{2})\s+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([+-]\d{4}|[a-z]{1,4})?$/i;
const ISO_8601 = /^(\d{4})-(\d{2})-(\d{2})[t ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(z|[+-]\d{2}:?\d{2})?$/i;

/** Hours of the zone names of RFC 5322; any other name counts as UTC, which the RFC asks for and TeleMessage uses. */
const ZONES: ReadonlyMap<string, number> = new Map([
  ['edt', -4],
  ['est', -5],
  ['cdt', -5],
  ['cst', -6],
  ['mdt', -6],
  ['mst', -7],
  ['pdt', -7],
  ['pst', -8],
]);

const EARLIEST = Date.UTC(1990, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);

function readZone(zone = ''): number | undefined {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(zone) ?? [];
  if (sign === undefined) return (ZONES.get(zone.toLowerCase()) ?? 0) * 60;
  const offset = Number(hours) * 60 + Number(minutes);
  // No place is further than 14 hours from UTC.
  return offset > 14 * 60 || Number(minutes) > 59 ? undefined : sign === '-' ? -offset : offset;
}

/**
 * Reads a date.
 *
 * @param text - Value of a Date header.
 * @returns ISO 8601 UTC, or `undefined` where the text is no date, the date does not exist (31 February), or no message can have it (before
 *   1990, before the first SMS, or from 2100 on).
 */
export function readDate(text: string): string | undefined {
  const value = text
    .slice(0, 200)
    .replace(/\([^()]*\)/g, ' ')
    .trim();
  const rfc = RFC_5322.exec(value);
  const iso = rfc === null ? ISO_8601.exec(value) : null;
  const [, first, second, third, hour, minute, seconds, zone] = rfc ?? iso ?? [];
  const offset = readZone(zone);
  if (first === undefined || second === undefined || third === undefined || offset === undefined) return undefined;
  const day = Number(rfc === null ? third : first);
  const month = rfc === null ? Number(second) - 1 : MONTHS.indexOf(second.toLowerCase());
  const writtenYear = rfc === null ? first : third;
  const number = Number(writtenYear);
  // 0000 is what a device writes that knows no date, and Date.UTC reads 0 to 99 as 1900 to 1999.
  if (writtenYear.length > 2 && number < 100) return undefined;
  const year = number >= 100 ? number : number + (number < 50 ? 2000 : 1900);
  // A leap second has no place in a Date.
  const second60 = Math.min(Number(seconds ?? 0), Number(seconds ?? 0) === 60 ? 59 : 99);
  const local = new Date(Date.UTC(year, month, day, Number(hour), Number(minute), second60));
  const exists =
    local.getUTCMonth() === month &&
    local.getUTCDate() === day &&
    local.getUTCHours() === Number(hour) &&
    second60 < 60 &&
    Number(minute) < 60;
  const time = local.getTime() - offset * 60_000;
  return exists && time >= EARLIEST && time < LATEST ? new Date(time).toISOString() : undefined;
}

/** Whether two ISO times are in one second: Exchange keeps no parts of one in what it shows. */
export function sameSecond(one: string, other: string): boolean {
  return Math.floor(Date.parse(one) / 1000) === Math.floor(Date.parse(other) / 1000);
}

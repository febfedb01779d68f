/**
 * The text that a person sees of simple HTML, to compare what was sent with what a mailbox gives back.
 *
 * Graph cleans HTML when it is read, by rules that nobody has written down. Of the elements below it is certain that their text stays, in its
 * order; of HTML with anything else (tables, styles, scripts, comments, rare entities) nothing is claimed.
 *
 * @module
 */

const SIMPLE = new Set(
  ['html head meta body p br hr div span a b i u em strong small sub sup font center pre blockquote', 'h1 h2 h3 h4 h5 h6 ul ol li img']
    .join(' ')
    .split(' '),
);
// Exchange writes a head of its own, with styles at times; a user sees none of it.
const HIDDEN = /<(head|style)(?:\s[^<>]*)?>/gi;
const DOCTYPE = /^\s*<!doctype[^<>]*>/i;
const TAG = /<\/?([a-z][a-z0-9]*)(?:[\s/][^<>]*)?>/gi;
const ENTITY = /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w+));?/gi;
const ENTITIES: ReadonlyMap<string, string> = new Map(
  Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' } satisfies Record<string, string>),
);

/** Undefined for what HTML reads as another character (128 to 159, surrogates) or as none. */
function characterOf(code: number): string | undefined {
  const isItself = (code >= 0x20 && code < 0x7f) || (code >= 0xa0 && code < 0xd8_00) || (code >= 0xe0_00 && code < 0xff_f0);
  return isItself || (code >= 0x1_00_00 && code <= 0x10_ff_ff) ? String.fromCodePoint(code) : undefined;
}

/** @returns the characters without white space, or undefined where an entity is not known. */
function decode(text: string): string | undefined {
  let isCertain = true;
  const decoded = text.replace(ENTITY, (_, decimal?: string, hex?: string, name = '') => {
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    const character = Number.isNaN(code) ? ENTITIES.get(String(name)) : characterOf(code);
    isCertain &&= character !== undefined;
    return character ?? '';
  });
  return isCertain ? decoded.replace(/[\s\p{Cc}]+/gu, '') : undefined;
}

/** Whether nothing in the HTML is of a kind that Graph may take out or put elsewhere. */
function isSimple(html: string): boolean {
  return [...html.matchAll(TAG)].every(([, name = '']) => SIMPLE.has(name.toLowerCase()));
}

/**
 * Takes out heads and styles. One step of a loop for each, and none after one that does not end: a single pattern for both ends would read a
 * megabyte of `<head>` from each of them to the end.
 */
function withoutHidden(html: string): string | undefined {
  let shown = '';
  let at = 0;
  for (const { index, 1: name = '' } of html.matchAll(HIDDEN)) {
    if (index < at) continue;
    const end = new RegExp(`</${name}\\s*>`, 'gi');
    end.lastIndex = index;
    if (!end.test(html)) return undefined;
    shown += html.slice(at, index);
    at = end.lastIndex;
  }
  return shown + html.slice(at);
}

function textOf(html: string): string | undefined {
  const text = withoutHidden(html.replace(DOCTYPE, ''))?.replace(TAG, '');
  if (text === undefined) return undefined;
  // What is left of a broken tag, a comment or an attribute that holds a bracket: where it ends is anybody's guess.
  return /[<>]/.test(text) ? undefined : decode(text);
}

/**
 * Whether two HTML texts certainly show different words.
 *
 * @param sent - As it was sent; where it is not simple, nothing is certain.
 * @param held - As Graph gives it.
 */
export function showsOtherText(sent: string, held: string): boolean {
  const [wanted, there] = isSimple(sent) ? [textOf(sent), textOf(held)] : [undefined, undefined];
  return wanted !== undefined && there !== undefined && wanted !== there;
}

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
const HEAD = /<(head|style)(?:\s[^<>]*)?>.*?<\/\1\s*>/gis;
const DOCTYPE = /^\s*<!doctype[^<>]*>/i;
const TAG = /<\/?([a-z][a-z0-9]*)(?:[\s/][^<>]*)?>/gi;
const ENTITY = /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w+));?/gi;
const ENTITIES: ReadonlyMap<string, string> = new Map(
  Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' } satisfies Record<string, string>),
);

/** @returns the characters without white space, or undefined where an entity is not known. */
function decode(text: string): string | undefined {
  let isCertain = true;
  const decoded = text.replace(ENTITY, (_, decimal?: string, hex?: string, name = '') => {
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    if (!Number.isNaN(code)) return code <= 0x10_ff_ff ? String.fromCodePoint(code) : '';
    const character = ENTITIES.get(String(name));
    isCertain &&= character !== undefined;
    return character ?? '';
  });
  return isCertain ? decoded.replace(/[\s\p{Cc}]+/gu, '') : undefined;
}

/** Whether nothing in the HTML is of a kind that Graph may take out or put elsewhere. */
function isSimple(html: string): boolean {
  return [...html.matchAll(TAG)].every(([, name = '']) => SIMPLE.has(name.toLowerCase()));
}

function textOf(html: string): string | undefined {
  const text = html.replace(DOCTYPE, '').replace(HEAD, '').replace(TAG, '');
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

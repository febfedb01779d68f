/**
 * Splits an address list into its entries, so that one sign out of place costs nobody else their copy.
 *
 * `Ben :( <ben@x.example>, Chen <chen@x.example>` is one comment by the grammar, and Chen is lost in it. Here a quote, a parenthesis or an
 * angle bracket that never closes, or that would swallow `<address@domain>`, is text.
 *
 * @module
 */

/** Signs that mean something to an address parser, and what stands for each where it is text: code points that are no characters. */
const SIGNS = '"()<>:';
const MARKS = '\ufdd0\ufdd1\ufdd2\ufdd3\ufdd4\ufdd5';

/** Puts the signs back that {@link splitAddresses} marked as text. */
export function restoreSigns(text: string): string {
  return text.replace(/[\ufdd0-\ufdd5]/g, (mark) => SIGNS.charAt(MARKS.indexOf(mark)));
}

function markSigns(text: string): string {
  return text.replace(/["()<>:]/g, (sign) => MARKS.charAt(SIGNS.indexOf(sign)));
}

interface Pairs {
  /** For each opening sign the index of the sign that closes it; -1 where none does. */
  readonly closes: Int32Array;
  /** Where each `<address@domain>` starts, ascending. */
  readonly addresses: readonly number[];
}

/** Finds what belongs together, in one pass for each kind: a search at each sign takes 80 s on 800 KB of them. */
function findPairs(text: string): Pairs {
  const closes = new Int32Array(text.length).fill(-1);
  const addresses: number[] = [];
  const comments: number[] = [];
  let quote = -1;
  for (const { 0: sign, index } of text.matchAll(/\\["\\()]|["()]/g)) {
    if (sign === '"') {
      if (quote >= 0) closes[quote] = index;
      quote = index;
    } else if (sign === '(') {
      comments.push(index);
    } else if (sign === ')') {
      const opener = comments.pop();
      if (opener !== undefined) closes[opener] = index;
    }
  }
  for (const { 0: angle, index } of text.matchAll(/<[^<>]*>/g)) {
    closes[index] = index + angle.length - 1;
    const at = angle.lastIndexOf('@');
    if (at > 1 && at < angle.length - 2) addresses.push(index);
  }
  return { closes, addresses };
}

/** A smiley is no end of a group's name: `Ben :) <ben@x.example>; Chen <chen@x.example>`. */
const SMILEY = /[()\-/|']/;

/**
 * Splits a list at commas, at semicolons and between two `<address@domain>`, and takes group names off.
 *
 * @param text - Value of an address header.
 * @returns entries that are not blank, in which each sign that is text is marked; {@link restoreSigns} undoes it. As many steps as characters.
 */
export function splitAddresses(text: string): string[] {
  const { closes, addresses } = findPairs(text);
  const entries: string[] = [];
  // A colon names a group only where a semicolon can end it; else it is part of a name.
  const lastSemicolon = text.lastIndexOf(';');
  let entry = '';
  let isBlank = true;
  let angle: 'none' | 'text' | 'address' = 'none';
  let nextAddress = 0;
  const start = () => {
    entry = '';
    isBlank = true;
    angle = 'none';
  };
  const finish = () => {
    if (!isBlank) entries.push(entry.trim());
    start();
  };
  const append = (more: string) => {
    entry += more;
    isBlank &&= more.trim() === '';
  };
  /** Whether a quoted string is the name of the address behind it, whatever it says: `"Evil <ceo@x.example>" <real@x.example>`. */
  const isWholeName = (close: number) => {
    if (!isBlank) return false;
    let at = close + 1;
    while (/[ \t(]/.test(text.charAt(at))) {
      if (text.charAt(at) === '(' && (closes[at] ?? -1) < 0) return false;
      at = text.charAt(at) === '(' ? (closes[at] ?? at) + 1 : at + 1;
    }
    return text.charAt(at) === '<' && (closes[at] ?? -1) >= 0;
  };
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    while ((addresses[nextAddress] ?? text.length) < i) nextAddress++;
    const close = closes[i] ?? -1;
    if (character === ',' || character === ';') finish();
    else if (character === ':' && i < lastSemicolon && !SMILEY.test(text.charAt(i + 1))) start();
    else if (character === '<' && close >= 0) {
      const isAddress = addresses[nextAddress] === i;
      if (isAddress && angle === 'address') finish();
      // `Ben <16175550101> <ben@x.example>`: the number is part of the name.
      else if (isAddress && angle === 'text') entry = markSigns(entry);
      if (isAddress || angle === 'none') angle = isAddress ? 'address' : 'text';
      append(text.slice(i, close + 1));
      i = close;
    } else if ((character === '"' || character === '(') && close >= 0) {
      const isSwallowing = (addresses[nextAddress] ?? text.length) < close;
      if (isSwallowing && !(character === '"' && isWholeName(close))) {
        append(markSigns(character));
        continue;
      }
      const inside = text.slice(i + 1, close);
      append(character + (character === '(' ? markSigns(inside) : inside) + text.charAt(close));
      i = close;
    } else if (character === '\\' && /["\\()]/.test(text.charAt(i + 1))) {
      append(character + markSigns(text.charAt(++i)));
    } else {
      append(markSigns(character));
    }
  }
  finish();
  return entries;
}

/**
 * Tells HTML that shows nothing, so that it never takes the place of a text that says something.
 *
 * @module
 */

const TAG = /<!--|-->|<!doctype[^<>]*>|<(\/?)([a-z][a-z0-9]*)(?![a-z0-9])[^<>]*>/gi;
const HIDDEN = new Set(['head', 'style', 'script', 'title']);
/** Elements that a reader sees although they hold no text. */
const SHOWN = new Set('audio embed frame iframe img input object svg video'.split(' '));
/** What is left of a text that shows nothing: blanks, entities for blanks, and characters without width. */
const NOTHING = /^(?:\s|\p{Cf}|&(?:nbsp|#160|#xa0);?)*$/iu;

/**
 * Whether HTML shows neither text nor picture. Where that is not certain, as in a comment that never ends, it shows something.
 *
 * @param html - Read in one pass, however many elements never end.
 */
export function isBlankHtml(html: string): boolean {
  let hidden: string | undefined;
  let shownFrom = 0;
  for (const { 0: tag, 1: slash = '', 2: name = '', index } of html.matchAll(TAG)) {
    if (hidden === undefined) {
      if (!NOTHING.test(html.slice(shownFrom, index)) || SHOWN.has(name.toLowerCase())) return false;
      if (tag === '<!--') hidden = '-->';
      else if (slash === '' && HIDDEN.has(name.toLowerCase())) hidden = name.toLowerCase();
      shownFrom = index + tag.length;
    } else if (tag === hidden || (slash === '/' && name.toLowerCase() === hidden)) {
      hidden = undefined;
      shownFrom = index + tag.length;
    }
  }
  return hidden === undefined && NOTHING.test(html.slice(shownFrom));
}

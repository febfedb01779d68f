/**
 * The next page of a list of Graph.
 *
 * @module
 */

/** One page of a list. */
export interface Page<Item> {
  readonly value: readonly Item[];
  readonly '@odata.nextLink'?: string;
}

/**
 * Path of the page after this one, for `Graph.request`, or undefined after the last one.
 *
 * The host of the link is left out: Microsoft's client takes an address for one only where it begins with https, and a token must go to no
 * other host than the one in the settings.
 */
export function nextPage(page: Page<unknown> | undefined): string | undefined {
  const link = page?.['@odata.nextLink'];
  return link?.slice(link.indexOf('/v1.0/') + '/v1.0'.length);
}

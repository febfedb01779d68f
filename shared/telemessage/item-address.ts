/**
 * Builds the addresses of the contract, each of them below the base address and nowhere else.
 *
 * @module
 */
import { PermanentError } from '../errors.ts';
import type { ArrivalWindow } from './item-source.ts';

/** What a page of the list is asked for by. */
export interface ListQuery {
  readonly window: ArrivalWindow;
  /** At most so many items. */
  readonly pageItems: number;
  readonly cursor?: string | undefined;
}

/** The addresses of one account and archiver. */
export interface SourceAddresses {
  readonly login: URL;
  list(query: ListQuery): URL;
  /** @throws PermanentError (`source-refused`) where no address can name the item. */
  content(id: string): URL;
}

/** The contract's bound, counted as JSON schema counts: in characters, not in UTF-16 halves. */
const LONGEST_ID = 1024;

/**
 * Whether a text can be the id of an item.
 *
 * @returns true for 1 to 1,024 characters.
 */
export function isItemId(text: string): boolean {
  return text.length > 0 && (text.length <= LONGEST_ID || Array.from(text).length <= LONGEST_ID);
}

function encodeId(id: string): string | undefined {
  try {
    return isItemId(id) ? encodeURIComponent(id) : undefined;
  } catch {
    // URIError: half of a surrogate pair, which has no UTF-8 form, so no address can carry it.
    return undefined;
  }
}

/**
 * Makes the addresses of the API.
 *
 * @param baseUrl - http or https; may carry a path, not a user, query or fragment.
 * @param archiverId - The contract's `archiver` parameter.
 * @throws TypeError where the base address is not such an address.
 */
export function createAddresses(baseUrl: URL, archiverId: string): SourceAddresses {
  if (!['http:', 'https:'].includes(baseUrl.protocol) || baseUrl.username + baseUrl.password + baseUrl.search + baseUrl.hash !== '') {
    throw new TypeError('The base address of TeleMessage has to be http or https, without user, query or fragment.');
  }
  const basePath = baseUrl.pathname.replace(/\/+$/, '');
  const archiver = new URLSearchParams({ archiver: archiverId }).toString();

  /** Joined as text: resolving `//x` against the base would lead to another host. */
  const address = (path: string, query = '') => new URL(`${baseUrl.origin}${basePath}${path}${query}`);

  return {
    login: address('/v1/login'),

    list({ window, pageItems, cursor }) {
      const query = new URLSearchParams({
        from: window.from.toISOString(),
        to: window.to.toISOString(),
        archiver: archiverId,
        limit: String(pageItems),
        ...(cursor === undefined ? {} : { cursor }),
      });
      return address('/v1/items', `?${query.toString()}`);
    },

    content(id) {
      const encoded = encodeId(id);
      if (encoded !== undefined) {
        const path = `/v1/items/${encoded}/content`;
        const url = address(path, `?${archiver}`);
        // `.` and `..` need no encoding, and URL also takes `%2e%2e` for a step up: such an id would ask for something else.
        if (url.pathname === basePath + path) return url;
      }
      throw new PermanentError(
        'source-refused',
        'The id of this item cannot be written into an address: it is empty, longer than 1,024 characters, one or two dots, or not Unicode. ' +
          'It has to be given another id at the source.',
      );
    },
  };
}

/**
 * Says what counts as an e-mail address of a mailbox.
 *
 * @module
 */
import { limits } from '../limits.ts';

const LOCAL_PART = /^[^\s@<>()[\],;:\\"]{1,64}$/;
const LABEL = /^[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u;

/**
 * Reads a text as an e-mail address of a Microsoft 365 user: one `@`, a domain of at least two labels, no quoted local part.
 *
 * @returns the address in lower case, or `undefined`.
 */
export function readEmailAddress(text: string): string | undefined {
  const address = text.trim().toLowerCase();
  // Length first: the patterns below then cost nothing on a hostile megabyte.
  if (address.length > limits.addressCharacters) return undefined;
  const at = address.lastIndexOf('@');
  const labels = address.slice(at + 1).split('.');
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(address) || !LOCAL_PART.test(address.slice(0, Math.max(0, at)))) return undefined;
  return labels.length >= 2 && labels.every((label) => LABEL.test(label)) ? address : undefined;
}

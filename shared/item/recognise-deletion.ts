/**
 * Recognises items that tell of a deletion.
 *
 * TeleMessage sends a further item for a deleted message; its subject starts `DELETED – READ – `, `DELETED For All - UNKNOWN` and the like,
 * with any dash and in any case (vendor documentation), or its `X-TELEMESSAGE-Status` says so.
 *
 * @module
 */

/** Between the words stand blanks and any dash, also one that a wrong charset has turned into two or three other characters. */
const PREFIX =
  /^[^A-Za-z0-9]{0,8}deleted(?:[^A-Za-z0-9]{1,12}for[^A-Za-z0-9]{1,12}(me|all|everyone))?(?:[^A-Za-z0-9]{1,12}(read|unread|unknown)\b|\s*\p{Pd})/iu;

/** Whether an item tells of a deletion, and which. */
export interface Deletion {
  readonly isDeletion: boolean;
  /** Such as `for-all unknown`; the same for every listing of the deletion, since it comes from the words of the subject alone. */
  readonly deletionKind?: string | undefined;
}

/**
 * Recognises a deletion.
 *
 * @param subject - Decoded.
 * @param status - Value of `X-TELEMESSAGE-Status`, if any.
 */
export function recogniseDeletion(subject: string, status: string | undefined): Deletion {
  const prefix = PREFIX.exec(subject);
  const isDeletion = prefix !== null || /^\s*deleted\b/i.test(status ?? '');
  if (!isDeletion) return { isDeletion };
  const [, audience, state] = prefix ?? [];
  const kind = [audience === undefined ? undefined : `for-${audience}`, state].filter((word) => word !== undefined).join(' ');
  return { isDeletion, deletionKind: kind.toLowerCase() };
}

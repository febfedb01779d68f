/**
 * Says whether the attachments of a copy are those that were sent.
 *
 * @module
 */

/** An attachment as Graph lists it. */
export interface HeldAttachment {
  readonly name: string | null;
  readonly size: number;
}

/** An attachment as it was sent. */
export interface ExpectedAttachment {
  readonly name: string;
  readonly content: { readonly byteLength: number };
}

const order = (one: string, other: string) => (one < other ? -1 : Number(one > other));

/**
 * Whether all attachments are there under their names, whole. Exchange counts some bytes of its own into an attachment's size (816 came back
 * as 1,053 in microsoft-graph-docs issue 9796), so only a smaller one proves a loss.
 */
export function attachmentsAreWhole(held: readonly HeldAttachment[], expected: readonly ExpectedAttachment[]): boolean {
  const inOrder = (list: readonly { readonly name: string; readonly size: number }[]) =>
    list
      .map(({ name, size }) => ({ name: name.trim(), size }))
      .toSorted((one, other) => order(one.name, other.name) || one.size - other.size);
  const wanted = inOrder(expected.map(({ name, content }) => ({ name, size: content.byteLength })));
  const there = inOrder(held.map(({ name, size }) => ({ name: name ?? '', size })));
  return (
    there.length === wanted.length &&
    wanted.every(({ name, size }, at) => there[at] !== undefined && there[at].name === name && there[at].size >= size)
  );
}

/**
 * The few `$filter` and `$expand` expressions that the archiver may send, read exactly; anything else is refused.
 *
 * @module
 */
import { notSimulated } from './graph-error.ts';

// A string literal of OData: in single quotes, a quote inside is doubled.
const LITERAL = "'((?:[^']|'')*)'";

function unquote(literal: string): string {
  return literal.replaceAll("''", "'");
}

function whole(...parts: readonly string[]): RegExp {
  return new RegExp(`^\\s*${parts.join('')}\\s*$`, 'u');
}

/** One alternative of a search for a user by address. */
export interface AddressTerm {
  readonly property: 'mail' | 'proxyAddresses';
  readonly value: string;
}

const ADDRESS_TERM = new RegExp(
  `\\s*(?:mail\\s+eq\\s+${LITERAL}|proxyAddresses/any\\(\\s*(\\w+)\\s*:\\s*(\\w+)\\s+eq\\s+${LITERAL}\\s*\\))\\s*`,
  'uy',
);
const OR = /or\s/uy;

/**
 * Reads `mail eq '…' or proxyAddresses/any(p:p eq 'smtp:…')`.
 *
 * @throws GraphError 400 for any other filter.
 */
export function parseAddressFilter(text: string): AddressTerm[] {
  const terms: AddressTerm[] = [];
  let position = 0;
  for (;;) {
    ADDRESS_TERM.lastIndex = position;
    const match = ADDRESS_TERM.exec(text);
    const [, mail, variable, used, proxy] = match ?? [];
    if (match === null || variable !== used)
      throw notSimulated(`$filter of users at character ${position}: expected mail eq '…' or proxyAddresses/any(p:p eq 'smtp:…')`);
    terms.push(
      mail === undefined ? { property: 'proxyAddresses', value: unquote(proxy ?? '') } : { property: 'mail', value: unquote(mail) },
    );
    position = ADDRESS_TERM.lastIndex;
    if (position === text.length) return terms;
    OR.lastIndex = position;
    if (!OR.test(text)) throw notSimulated(`$filter of users at character ${position}: expected "or"`);
    position = OR.lastIndex;
  }
}

const DISPLAY_NAME = whole('displayName\\s+eq\\s+', LITERAL);

/**
 * Reads `displayName eq '…'`.
 *
 * @throws GraphError 400 for any other filter.
 */
export function parseDisplayNameFilter(text: string): string {
  const name = DISPLAY_NAME.exec(text)?.[1];
  if (name === undefined) throw notSimulated("$filter of folders: expected displayName eq '…'");
  return unquote(name);
}

/** The id and value of an extended property. */
export interface PropertyValue {
  readonly id: string;
  readonly value: string;
}

const PROPERTY = whole(
  'singleValueExtendedProperties/any\\(\\s*(\\w+)\\s*:\\s*(\\w+)/id\\s+eq\\s+',
  LITERAL,
  '\\s+and\\s+(\\w+)/value\\s+eq\\s+',
  LITERAL,
  '\\s*\\)',
);

/** A span of time in ms, half-open. */
export interface TimeSpan {
  readonly from: number;
  readonly before: number;
}

const TIME = '(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d{1,7})?Z)';
const RECEIVED = whole('receivedDateTime\\s+ge\\s+', TIME, '\\s+and\\s+receivedDateTime\\s+lt\\s+', TIME);

/**
 * Reads `singleValueExtendedProperties/any(ep: ep/id eq '…' and ep/value eq '…')` or `receivedDateTime ge … and receivedDateTime lt …`,
 * where times are not quoted.
 *
 * @throws GraphError 400 for any other filter.
 */
export function parseMessageFilter(text: string): PropertyValue | TimeSpan {
  const [from = Number.NaN, before = Number.NaN] = (RECEIVED.exec(text) ?? []).slice(1).map((time) => Date.parse(time));
  // Both are numbers that make sense: a span that ends before it begins is a mistake of the caller.
  if (from < before) return { from, before };
  const [, variable, first, id, second, value] = PROPERTY.exec(text) ?? [];
  if (variable === undefined || variable !== first || variable !== second || id === undefined || value === undefined) {
    throw notSimulated(
      "$filter of messages: expected singleValueExtendedProperties/any(ep: ep/id eq '…' and ep/value eq '…') or receivedDateTime ge … and receivedDateTime lt …",
    );
  }
  return { id: unquote(id), value: unquote(value) };
}

/** What `$expand` of a message asks for. */
export interface MessageExpansion {
  /** Ids of the extended properties wanted, as they were written. */
  readonly propertyIds?: readonly string[];
  /** Whether attachments are wanted, and the `$select` on them. */
  readonly attachments?: { readonly select: string | undefined };
}

// A parenthesis inside a literal does not end the option. A doubled quote counts here as two literals side by side: one way to read it only,
// so that a row of quotes costs no time.
const EXPANSION = /\s*(singleValueExtendedProperties|attachments)\s*(?:\(((?:[^()']|'[^']*')*)\))?\s*(,|$)/uy;
const PROPERTY_ID = new RegExp(`\\s*id\\s+eq\\s+${LITERAL}\\s*(or\\s|$)`, 'uy');

function parsePropertyIds(text: string): string[] {
  const filter = /^\s*\$filter\s*=([\s\S]*)$/u.exec(text)?.[1] ?? '';
  const ids: string[] = [];
  PROPERTY_ID.lastIndex = 0;
  for (let match = PROPERTY_ID.exec(filter); match !== null; match = PROPERTY_ID.exec(filter)) {
    ids.push(unquote(match[1] ?? ''));
    if (match[2] === '') return ids;
  }
  throw notSimulated("$expand of singleValueExtendedProperties: expected ($filter=id eq '…' or id eq '…')");
}

/**
 * Reads `singleValueExtendedProperties($filter=id eq '…' or id eq '…'),attachments($select=…)`.
 *
 * @throws GraphError 400 for any other expansion.
 */
export function parseExpand(text: string | undefined): MessageExpansion {
  let expansion: MessageExpansion = {};
  if (text === undefined) return expansion;
  EXPANSION.lastIndex = 0;
  for (;;) {
    const [, name, inner, end] = EXPANSION.exec(text) ?? [];
    if (name === undefined) throw notSimulated('$expand of a message: expected singleValueExtendedProperties(…) or attachments(…)');
    if (name === 'attachments') {
      const select = inner === undefined ? undefined : /^\s*\$select\s*=([\w\s,]+)$/u.exec(inner)?.[1];
      if (inner !== undefined && select === undefined)
        throw notSimulated('$expand of attachments: expected attachments or attachments($select=…)');
      expansion = { ...expansion, attachments: { select } };
    } else {
      expansion = { ...expansion, propertyIds: parsePropertyIds(inner ?? '') };
    }
    if (end === '') return expansion;
  }
}

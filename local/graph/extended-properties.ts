/**
 * The syntax of single-value extended properties, which Exchange checks when a message is written.
 *
 * @module
 */
import { badBody, GraphError } from './graph-error.ts';

const GUID = '\\{[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\\}';
const TAGGED = /^(\w+) 0x([0-9a-f]{1,4})$/i;
const NAMED = new RegExp(`^(\\w+) (${GUID}) (Name|Id) (\\S(?:.*\\S)?)$`);

// Exchange takes 32 KB of one property.
const VALUE_BYTES = 32 * 1024;

function isUtcTime(text: string): boolean {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,7})?Z$/.exec(text);
  if (match === null) return false;
  const time = Date.parse(text);
  // Date.parse turns 31 February into 2 March.
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(match[1] ?? '');
}

const VALUES = new Map<string, (value: string) => boolean>(
  Object.entries({
    String: () => true,
    Integer: (value) => /^-?\d{1,10}$/.test(value) && Math.abs(Number(value)) <= 2 ** 31 - 1,
    Long: (value) => /^-?\d{1,18}$/.test(value),
    Double: (value) => /^-?\d{1,15}(?:\.\d{1,15})?$/.test(value),
    Boolean: (value) => value === 'true' || value === 'false',
    SystemTime: isUtcTime,
    Binary: (value) => Buffer.from(value, 'base64').toString('base64') === value,
  }),
);

// The MAPI type of the properties that the archiver writes (MS-OXPROPS): another type is another property, which nobody reads.
const TYPE_OF_TAG: Readonly<Record<string, string>> = {
  '0xe07': 'Integer',
  '0xe06': 'SystemTime',
  '0x39': 'SystemTime',
  '0x1a': 'String',
  '0x7d': 'String',
};

/** The tags that the simulator gives a meaning to, in canonical form. */
export const MESSAGE_FLAGS = 'Integer 0xe07';
/** Delivery time, canonical. */
export const DELIVERY_TIME = 'SystemTime 0xe06';
/** Client submit time, canonical. */
export const SUBMIT_TIME = 'SystemTime 0x39';

/**
 * One spelling for all spellings of an id: GUIDs and tags are not case-sensitive, and leading zeros of a tag do not count.
 *
 * @throws GraphError 400 for an id that is not `Type 0xTAG`, `Type {GUID} Name X` or `Type {GUID} Id 0x…`.
 */
export function canonicalPropertyId(id: string): string {
  const tagged = TAGGED.exec(id);
  const named = NAMED.exec(id);
  const type = tagged?.[1] ?? named?.[1];
  if (type === undefined || !VALUES.has(type) || (named?.[3] === 'Id' && !/^0x[0-9a-f]{1,4}$/i.test(named[4] ?? ''))) {
    throw new GraphError(
      400,
      'ErrorInvalidExtendedProperty',
      `The extended property id "${id.slice(0, 120)}" is not one: expected for example "String {GUID} Name X" or "Integer 0x0E07".`,
    );
  }
  if (named !== null) return `${type} ${(named[2] ?? '').toLowerCase()} ${named[3]} ${named[4]}`;
  const tag = `0x${Number.parseInt(tagged?.[2] ?? '', 16).toString(16)}`;
  const expected = TYPE_OF_TAG[tag];
  if (expected !== undefined && expected !== type) {
    throw new GraphError(400, 'ErrorInvalidExtendedProperty', `The property ${tag} is of type ${expected}, not ${type}.`);
  }
  return `${type} ${tag}`;
}

/** Whether a canonical id is that of a named property. */
export function isNamedProperty(canonicalId: string): boolean {
  return canonicalId.includes('{');
}

/**
 * Checks ids and values of the properties of one message.
 *
 * @returns the values by canonical id.
 * @throws GraphError 400 for a bad id, a value that is not of the id's type or too long, or an id that is given twice.
 */
export function readExtendedProperties(properties: readonly { readonly id: string; readonly value: string }[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const { id, value } of properties) {
    const canonical = canonicalPropertyId(id);
    if (values.has(canonical)) throw badBody(`The extended property "${id}" is given twice.`);
    const type = canonical.slice(0, canonical.indexOf(' '));
    if (VALUES.get(type)?.(value) !== true) {
      throw new GraphError(
        400,
        'ErrorPropertyValueConversion',
        `The value of "${id}" is not a ${type}${type === 'SystemTime' ? ' in ISO 8601 UTC' : ''}.`,
      );
    }
    if (Buffer.byteLength(value) > VALUE_BYTES)
      throw new GraphError(400, 'ErrorPropertyTooLarge', `The value of "${id}" is longer than ${VALUE_BYTES} bytes.`);
    values.set(canonical, value);
  }
  return values;
}

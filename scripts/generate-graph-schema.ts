/**
 * Writes `local/graph/message.schema.json`: what Microsoft's own types say a message, a file attachment and an upload session look like,
 * so that the simulated Graph refuses what the real one would refuse.
 *
 * Run it after an update of `@microsoft/microsoft-graph-types`: `node scripts/generate-graph-schema.ts`.
 *
 * @module
 */
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import * as prettier from 'prettier';
import { createGenerator } from 'ts-json-schema-generator';

/** Where the schema is kept. */
export const schemaFile: string = fileURLToPath(new URL('../local/graph/message.schema.json', import.meta.url));

type Schema = { [key: string]: unknown };

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const REFERENCE = '#/definitions/';

/**
 * The generator wraps each optional property in a definition whose name holds a hash of a machine's path: those are written out in
 * place, so that the file is the same everywhere. Descriptions are left out: they are documentation, not rules.
 */
function inline(value: unknown, definitions: Schema): unknown {
  if (Array.isArray(value)) return value.map((part) => inline(part, definitions));
  if (!isSchema(value)) return value;
  const reference = value['$ref'];
  if (typeof reference === 'string') {
    const name = decodeURIComponent(reference.slice(REFERENCE.length));
    return name.startsWith('NullableOption<') ? inline(definitions[name], definitions) : { $ref: REFERENCE + name };
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, part]) => key !== 'description' || isSchema(part))
      .map(([key, part]) => [key, inline(part, definitions)]),
  );
}

function referencesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn);
  if (!isSchema(value)) return [];
  return Object.entries(value).flatMap(([key, part]) =>
    key === '$ref' && typeof part === 'string' ? [part.slice(REFERENCE.length)] : referencesIn(part),
  );
}

function reachable(definitions: Readonly<Record<string, Schema>>, roots: readonly string[]): Record<string, Schema> {
  const kept = new Map<string, Schema>();
  const open = [...roots];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const definition = definitions[name];
    if (definition === undefined) throw new Error(`Microsoft's types no longer define ${name}: look at what replaced it.`);
    if (!kept.has(name)) open.push(...referencesIn(definition));
    kept.set(name, definition);
  }
  return Object.fromEntries([...kept].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function override(definitions: Readonly<Record<string, Schema>>, name: string, required: readonly string[], properties: Schema): Schema {
  const definition = definitions[name];
  if (definition === undefined) throw new Error(`Microsoft's types no longer define ${name}: look at what replaced it.`);
  return { ...definition, properties: { ...(definition['properties'] as Schema), ...properties }, required };
}

/** The schema, as an object: definitions `Message`, `FileAttachment` and `CreateUploadSession`, and what they refer to. */
export function generateGraphSchema(): object {
  const path = createRequire(import.meta.url).resolve('@microsoft/microsoft-graph-types/microsoft-graph.d.ts');
  const generator = createGenerator({ path, skipTypeCheck: true, additionalProperties: false });
  const definitions: Record<string, Schema> = {};
  for (const type of ['Message', 'FileAttachment', 'AttachmentItem']) {
    const all = (generator.createSchema(type).definitions ?? {}) as Schema;
    for (const [name, definition] of Object.entries(all)) {
      if (!name.startsWith('NullableOption<')) definitions[name] = inline(definition, all) as Schema;
    }
  }
  // The types cannot say what a create needs: the type of an attachment, and values where they allow null.
  const text = { type: 'string' };
  const name = { type: 'string', minLength: 1 };
  definitions['Message'] = override(definitions, 'Message', [], {
    attachments: { type: 'array', items: { $ref: `${REFERENCE}FileAttachment` } },
  });
  definitions['FileAttachment'] = override(definitions, 'FileAttachment', ['@odata.type', 'name', 'contentBytes'], {
    '@odata.type': { const: '#microsoft.graph.fileAttachment' },
    name,
    contentBytes: text,
  });
  definitions['SingleValueLegacyExtendedProperty'] = override(definitions, 'SingleValueLegacyExtendedProperty', ['id', 'value'], {
    value: text,
  });
  definitions['InternetMessageHeader'] = override(definitions, 'InternetMessageHeader', ['name', 'value'], { name, value: text });
  definitions['AttachmentItem'] = override(definitions, 'AttachmentItem', ['attachmentType', 'name', 'size'], {
    attachmentType: { const: 'file' },
    name,
    size: { type: 'integer', minimum: 0 },
  });
  definitions['CreateUploadSession'] = {
    type: 'object',
    properties: { AttachmentItem: { $ref: `${REFERENCE}AttachmentItem` } },
    required: ['AttachmentItem'],
    additionalProperties: false,
  };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    definitions: reachable(definitions, ['Message', 'FileAttachment', 'CreateUploadSession']),
  };
}

if (import.meta.main) {
  const style = (await prettier.resolveConfig(schemaFile)) ?? {};
  await writeFile(schemaFile, await prettier.format(JSON.stringify(generateGraphSchema()), { ...style, parser: 'json' }));
}

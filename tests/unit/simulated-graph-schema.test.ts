/**
 * The schema by which the simulated Graph judges messages.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { generateGraphSchema, schemaFile } from '../../scripts/generate-graph-schema.ts';

test("message.schema.json is what scripts/generate-graph-schema.ts makes of Microsoft's types", async () => {
  const kept = JSON.parse(await readFile(schemaFile, 'utf8'));
  assert.deepEqual(JSON.parse(JSON.stringify(generateGraphSchema())), kept);
});

test('message.schema.json is the same on every machine: it names no path and no hash of one', async () => {
  const text = await readFile(schemaFile, 'utf8');
  assert.doesNotMatch(text, /node_modules|def-|NullableOption/);
});

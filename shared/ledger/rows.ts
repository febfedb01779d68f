/**
 * Table rows: keys, and the few ways in which the ledger reads and writes them.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { TableClient, TableEntityResult, TransactionAction } from '@azure/data-tables';
import { limits } from '../limits.ts';
import { isConflict, isMissing } from '../storage/storage-errors.ts';

/** What a row may hold; absent values are left out of the row. */
export type Columns = Readonly<Record<string, string | number | boolean | Date | undefined>>;

/** Where a row is. */
export interface RowKey {
  readonly partitionKey: string;
  readonly rowKey: string;
}

/**
 * A key for text that may hold anything: row keys refuse `/`, `\`, `#`, `?` and control characters.
 *
 * @param parts - Joined so that no two lists of parts give the same key.
 * @returns 40 lower-case hex digits.
 */
export function hashKey(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  return hash.digest('hex').slice(0, 40);
}

/** The shards of a run: Azure takes 2,000 rows a second in one partition, 16 partitions keep far from it. */
export const shards: readonly string[] = Array.from({ length: 16 }, (_, digit) => digit.toString(16));

/** The partition of a key that is hex already: its first digit spreads evenly. */
export function shardedPartition(prefix: string, hexKey: string): string {
  return `${prefix}-${hexKey.charAt(0)}`;
}

/** The version of a row that was inserted, or undefined where storage did not say. */
export interface Inserted {
  readonly etag: string | undefined;
}

/**
 * Inserts a row.
 *
 * @returns undefined where a row with this key is there already.
 * @throws the other errors of storage.
 */
export async function insertRow(table: TableClient, key: RowKey, columns: Columns): Promise<Inserted | undefined> {
  try {
    const { etag } = await table.createEntity({ ...key, ...columns });
    return { etag };
  } catch (error) {
    if (isConflict(error)) return undefined;
    throw error;
  }
}

/**
 * Reads a row, or undefined where there is none.
 *
 * @throws the other errors of storage.
 */
export async function readRow<Row extends object>(table: TableClient, key: RowKey): Promise<TableEntityResult<Row> | undefined> {
  try {
    return await table.getEntity<Row>(key.partitionKey, key.rowKey);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Adds facts to a row that exists. Facts are merged, never replaced by older ones, so that a late duplicate does no harm.
 *
 * @param etag - The version that the caller has read; without it the facts are true whatever else the row says.
 * @returns false where the row has changed since `etag`.
 * @throws the other errors of storage.
 */
export async function mergeRow(table: TableClient, key: RowKey, columns: Columns, etag?: string): Promise<boolean> {
  try {
    await table.updateEntity({ ...key, ...columns }, 'Merge', { etag: etag ?? '*' });
    return true;
  } catch (error) {
    if (etag !== undefined && isConflict(error)) return false;
    throw error;
  }
}

/**
 * Adds facts to a row and makes the row where it was lost: what the caller knows of it is in `columns`.
 *
 * @throws the errors of storage.
 */
export async function restoreRow(table: TableClient, key: RowKey, columns: Columns): Promise<void> {
  await table.upsertEntity({ ...key, ...columns }, 'Merge');
}

/**
 * Inserts many rows of one partition, in as few requests as there can be.
 *
 * @returns for each row its version, or undefined where a row with its key is there already.
 * @throws the other errors of storage.
 */
export async function insertRows(table: TableClient, rows: readonly (readonly [RowKey, Columns])[]): Promise<(Inserted | undefined)[]> {
  const inserted: (Inserted | undefined)[] = [];
  for (let start = 0; start < rows.length; start += limits.transactionRows) {
    const chunk = rows.slice(start, start + limits.transactionRows);
    const [only] = chunk;
    if (chunk.length === 1 && only !== undefined) {
      inserted.push(await insertRow(table, ...only));
      continue;
    }
    try {
      const answer = await table.submitTransaction(chunk.map(([key, columns]): TransactionAction => ['create', { ...key, ...columns }]));
      inserted.push(...chunk.map(([{ rowKey }]) => ({ etag: answer.getResponseForEntity(rowKey)?.etag })));
    } catch (error) {
      if (!isConflict(error)) throw error;
      // One row that exists refuses the whole transaction and says nothing of the others.
      inserted.push(...(await Promise.all(chunk.map((row) => insertRow(table, ...row)))));
    }
  }
  return inserted;
}

/**
 * Merges facts into many rows of one partition, in as few requests as there can be.
 *
 * @param rows - Each with the version that the caller knows.
 * @returns for each row, whether it was written: the others have changed since.
 * @throws the other errors of storage.
 */
export async function mergeRows(table: TableClient, rows: readonly (readonly [RowKey, Columns, etag: string])[]): Promise<boolean[]> {
  const merged: boolean[] = [];
  for (let start = 0; start < rows.length; start += limits.transactionRows) {
    const chunk = rows.slice(start, start + limits.transactionRows);
    const [only] = chunk;
    if (chunk.length === 1 && only !== undefined) {
      merged.push(await mergeRow(table, ...only));
      continue;
    }
    try {
      await table.submitTransaction(
        chunk.map(([key, columns, etag]): TransactionAction => ['update', { ...key, ...columns }, 'Merge', { etag }]),
      );
      merged.push(...chunk.map(() => true));
    } catch (error) {
      if (!isConflict(error)) throw error;
      // One row that has changed refuses the whole transaction.
      merged.push(...(await Promise.all(chunk.map((row) => mergeRow(table, ...row)))));
    }
  }
  return merged;
}

/**
 * Removes a row, if it is there.
 *
 * @param etag - Only this version of it.
 * @throws the other errors of storage.
 */
export async function removeRow(table: TableClient, key: RowKey, etag = '*'): Promise<void> {
  try {
    await table.deleteEntity(key.partitionKey, key.rowKey, { etag });
  } catch (error) {
    if (!isMissing(error) && !(etag !== '*' && isConflict(error))) throw error;
  }
}

/**
 * The rows of a partition in the order of their keys, streamed.
 *
 * @param range - `prefix`: what their keys start with. `after`: only keys that come after this one. `where`: a filter on other columns, OData.
 */
export function rowsOfPartition<Row extends object>(
  table: TableClient,
  partitionKey: string,
  range: { readonly prefix?: string; readonly after?: string; readonly where?: string } = {},
): AsyncIterable<TableEntityResult<Row>> {
  const { prefix, after = '', where } = range;
  const filters = [
    `PartitionKey eq '${partitionKey}'`,
    ...(prefix === undefined ? [] : [`RowKey ge '${prefix}' and RowKey lt '${prefix}~'`]),
    ...(after === '' ? [] : [`RowKey gt '${after}'`]),
    ...(where === undefined ? [] : [where]),
  ];
  return table.listEntities<Row>({ queryOptions: { filter: filters.join(' and ') } });
}

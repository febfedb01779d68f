/**
 * Reads the audit log line by line, without holding a blob.
 *
 * @module
 */
import { StringDecoder } from 'node:string_decoder';
import type { ContainerClient } from '@azure/storage-blob';
import { openBlob } from '../storage/read-blob.ts';

/** A line, and where it stands. */
export interface LogLine {
  readonly blob: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** All lines below a prefix, oldest first: the names of the blobs sort by time. */
export async function* readLines(container: ContainerClient, prefix: string): AsyncGenerator<LogLine> {
  for await (const { name } of container.listBlobsFlat({ prefix })) {
    const { chunks } = await openBlob(container.getAppendBlobClient(name));
    const decoder = new StringDecoder('utf8');
    let rest = '';
    let line = 0;
    for await (const chunk of chunks) {
      const texts = (rest + decoder.write(chunk)).split('\n');
      rest = texts.pop() ?? '';
      for (const text of texts) yield { blob: name, line: (line += 1), text };
    }
    rest += decoder.end();
    if (rest !== '') yield { blob: name, line: line + 1, text: rest };
  }
}

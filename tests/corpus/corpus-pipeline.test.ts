/** The hostile corpus through the whole pipeline: each message ends imported or parked, the books balance, and memory stays bounded. @module */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { readDirectory } from '../../local/read-directory.ts';
import { makeWorld, startStorage } from '../support/world.ts';
import { hostileMessages } from './hostile-messages.ts';

/** The whole corpus is some hundred megabytes; what is held at one time is 16 items and their copies in two mailboxes. */
const MOST_MEMORY = 1_500 * 1024 * 1024;

test('every hostile message ends imported or parked, none stops another, and memory stays bounded', async () => {
  const storage = await startStorage();
  const directory = await readDirectory(resolve(import.meta.dirname, '../../local/sample-day/directory.json'));
  const world = await makeWorld({ storage, graph: { directory } });
  try {
    for (const { name, bytes } of hostileMessages) world.teleMessage.addItem(name, () => Buffer.from(bytes()));
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 50);
    await world.day();
    clearInterval(watch);

    const report = new Map((await world.report()).map((item) => [item.sourceId, item]));
    const wrong = hostileMessages.flatMap(({ name, expect }) => {
      const outcome = report.get(name)?.outcome ?? 'missing';
      const ended = outcome === 'imported' ? 'imported' : 'parked';
      // Some carry the same content on purpose or none at all; a duplicate is named, not lost.
      return ended === expect || outcome === 'skipped'
        ? []
        : [`${name}: ${outcome} (${report.get(name)?.reason ?? ''}), expected ${expect}`];
    });
    assert.deepEqual(wrong, []);
    const [run] = await world.pipeline.ledger.runs.all();
    assert.ok(run?.completedAt, 'the run is complete, so its books balance');
    assert.equal(run.listed, hostileMessages.length);
    const imported = [...report.values()].filter(({ outcome }) => outcome === 'imported').flatMap(({ deliveries }) => deliveries);
    let copies = 0;
    for (const { mail = '' } of directory) copies += (await world.mailbox(mail)).length;
    assert.equal(copies, imported.length);
    assert.deepEqual(world.graph.requests.warnings, []);
    assert.ok(most < MOST_MEMORY, `${Math.round(most / 1024 / 1024)} MB`);
  } finally {
    await world.close();
    await storage.stop();
  }
});

/** Mapping in the pipeline: which file is in force, and who is a valid user. @module */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { useWorlds } from '../support/use-worlds.ts';
import { sms, type World } from '../support/world.ts';

const HEADER = 'External User ID,Microsoft 365 User Mailbox\n';
const TO_DANA = `${HEADER}16175550104,dana@contoso.example\n`;
const TO_EVE = `${HEADER}16175550104,eve@contoso.example\n`;
const BAD = `${HEADER}1.6E+10,dana@contoso.example\n`;

/** From a person whose number alone is known. */
const byNumber = (id: string) => sms({ id, from: 'D 16175550104 <d@private.example>', to: 'Out 16175550999 <o@outside.example>' });

describe('mapping', () => {
  const withWorld = useWorlds();
  const upload = (world: World, text: string) =>
    world.pipeline.storage.containers.config.getBlockBlobClient('mapping.csv').upload(text, Buffer.byteLength(text));
  const archive = async (world: World, id: string) => {
    world.advance(60_000);
    world.add(id, byNumber(id));
    await world.day();
    const { outcome, deliveries } = await world.outcome(id);
    return [outcome, ...deliveries.map(({ mailbox }) => mailbox)];
  };

  test('the number in the file comes before the address', () =>
    withWorld({ mapping: TO_DANA }, async (world) => {
      world.add('x', sms({ from: 'Ada 16175550104 <ada@contoso.example>', to: 'O <o@outside.example>' }));
      await world.day();
      assert.deepEqual((await world.outcome('x')).deliveries, [{ mailbox: 'dana@contoso.example', state: 'imported' }]);
    }));

  test('a row that names nobody falls back to the address', () =>
    withWorld({ mapping: `${HEADER}16175550104,nobody@contoso.example\n` }, async (world) => {
      world.add('x', sms({ from: 'Ada 16175550104 <ada@contoso.example>', to: 'O <o@outside.example>' }));
      await world.day();
      assert.deepEqual((await world.outcome('x')).deliveries, [{ mailbox: 'ada@contoso.example', state: 'imported' }]);
    }));

  test('with automatic mapping off an address alone maps nobody', () =>
    withWorld({ mapping: TO_DANA, settings: { MAPPING_AUTOMATIC: 'false' } }, async (world) => {
      world.add('x', sms({ from: 'Ada 16175550101 <ada@contoso.example>' }));
      assert.deepEqual(await archive(world, 'y'), ['imported', 'dana@contoso.example']);
      assert.equal((await world.outcome('x')).outcome, 'unmapped');
    }));

  test('an address is found as user name, as mail address and as alias', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ from: 'A <ADA.alias@contoso.example>', to: 'B <ben@contoso.example>' }));
      await world.day();
      assert.deepEqual((await world.outcome('x')).deliveries.map(({ mailbox }) => mailbox).sort(), [
        'ada@contoso.example',
        'ben@contoso.example',
      ]);
    }));

  test('a changed file is in force for the next items', () =>
    withWorld({ mapping: TO_DANA }, async (world) => {
      assert.deepEqual(await archive(world, 'x'), ['imported', 'dana@contoso.example']);
      await upload(world, TO_EVE);
      assert.deepEqual(await archive(world, 'y'), ['imported', 'eve@contoso.example']);
    }));

  test('the audit log tells of each file that came into force, once, and of its end', () =>
    withWorld({ mapping: TO_DANA }, async (world) => {
      await archive(world, 'x');
      world.restart();
      await archive(world, 'y');
      await upload(world, BAD);
      await archive(world, 'z');
      await upload(world, TO_EVE);
      await archive(world, 'u');
      await world.pipeline.storage.containers.config.getBlobClient('mapping.csv').delete();
      world.advance(60_000);
      await archive(world, 'v');
      const versionOf = (text: string) => createHash('sha256').update(text).digest('hex');
      const told: unknown[] = [];
      for await (const { text } of world.pipeline.audit.lines()) {
        const { event, version, rows } = JSON.parse(text) as { event: string; version?: string; rows?: number };
        if (event.startsWith('mapping.')) told.push([event, version, rows]);
      }
      assert.deepEqual(told, [
        ['mapping.accepted', versionOf(TO_DANA), 1],
        ['mapping.accepted', versionOf(TO_EVE), 1],
        ['mapping.removed', versionOf(TO_EVE), undefined],
      ]);
    }));

  test('a refused file leaves the last good one in force, also after a restart, and the log names its line', () =>
    withWorld({ mapping: TO_DANA }, async (world) => {
      await archive(world, 'x');
      await upload(world, BAD);
      assert.deepEqual(await archive(world, 'y'), ['imported', 'dana@contoso.example']);
      assert.match(world.log.join('\n'), /error mapping\.refused \{"line":2,/);
      world.restart();
      assert.deepEqual(await archive(world, 'z'), ['imported', 'dana@contoso.example']);
    }));

  test('where the first file is refused items wait for a good one, rather than being mapped without it', () =>
    withWorld({ mapping: BAD }, async (world) => {
      world.add('x', byNumber('x'));
      world.add('y', sms({ id: 'y' }));
      await world.list();
      // The wait is five minutes each time; the administrator corrects the file during the second.
      const waited = world.now().getTime();
      const working = world.work();
      while (world.now().getTime() - waited < 600_000) await new Promise(setImmediate);
      assert.equal((await world.mailbox('ada@contoso.example')).length, 0);
      await upload(world, TO_DANA);
      await working;
      assert.equal((await world.outcome('x')).outcome, 'imported');
      assert.equal((await world.outcome('y')).outcome, 'imported');
    }));

  test('a removed file turns custom mapping off', () =>
    withWorld({ mapping: TO_DANA }, async (world) => {
      await archive(world, 'x');
      await world.pipeline.storage.containers.config.getBlobClient('mapping.csv').delete();
      assert.deepEqual(await archive(world, 'y'), ['unmapped']);
    }));

  test('a found user is asked for once an hour, a missing one every ten minutes', () =>
    withWorld({}, async (world) => {
      const asked = () => world.graph.requests.counts['get-user'] ?? 0;
      const item = (id: string) => sms({ id, from: 'A <ada@contoso.example>', to: 'N <nobody@contoso.example>' });
      const at = async (id: string, minutes: number) => {
        world.advance(minutes * 60_000);
        world.add(id, item(id));
        const before = asked();
        await world.day();
        return asked() - before;
      };
      assert.equal(await at('a', 0), 2);
      assert.equal(await at('b', 9), 0);
      assert.equal(await at('c', 2), 1, 'the missing one again');
      assert.equal(await at('d', 50), 2, 'both again');
    }));
});

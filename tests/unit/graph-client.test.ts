/** The way to Graph: how many requests are under way at one time, of one mailbox and of all. @module */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { connectGraph } from '../../shared/mailbox/graph-client.ts';

describe('requests to Graph', () => {
  let server: Server;
  let baseUrl: URL;
  const underWay = new Map<string, number>();
  const most = new Map<string, number>();
  const ALL = 'all';
  const enter = (name: string, by: 1 | -1) => {
    const now = (underWay.get(name) ?? 0) + by;
    underWay.set(name, now);
    most.set(name, Math.max(most.get(name) ?? 0, now));
  };

  before(async () => {
    server = createServer(({ url = '' }, response) => {
      if (url === '/probe') {
        response.end();
        return;
      }
      const [, mailbox = ''] = /users\/(\w+)/.exec(url) ?? [];
      for (const name of [mailbox, ALL]) enter(name, 1);
      // As long as a few requests of others take: whatever is let through has come by then.
      const probe = async () => {
        for (let round = 0; round < 5; round += 1) await (await fetch(new URL('/probe', baseUrl))).arrayBuffer();
      };
      void probe().then(() => {
        for (const name of [mailbox, ALL]) enter(name, -1);
        response.setHeader('Content-Type', 'application/json');
        response.end('{}');
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    baseUrl = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  beforeEach(() => {
    underWay.clear();
    most.clear();
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const ask = async (lanes: { lanesPerMailbox: number; lanesTotal: number }, mailboxes: readonly string[]) => {
    const graph = connectGraph({ baseUrl, token: undefined, ...lanes, now: () => new Date() });
    await Promise.all(
      mailboxes.map((mailboxId) => graph.request({ method: 'GET', path: `/users/${mailboxId}`, mailboxId, purpose: 'be asked' })),
    );
  };

  test('are no more at one time than all mailboxes together may have', async () => {
    await ask({ lanesPerMailbox: 4, lanesTotal: 2 }, ['a', 'b', 'c', 'd', 'e', 'f']);
    assert.equal(most.get(ALL), 2);
  });

  test('are no more at one time than one mailbox may have, and do not hold up those of another', async () => {
    await ask({ lanesPerMailbox: 2, lanesTotal: 10 }, ['a', 'a', 'a', 'a', 'a', 'a', 'b']);
    assert.deepEqual([most.get('a'), most.get('b'), most.get(ALL)], [2, 1, 3]);
  });
});

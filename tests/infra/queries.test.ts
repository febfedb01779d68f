/**
 * The KQL of the alerts and the workbook, as it stands in the compiled template.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { bicepCli, infraFolder, skipWithout, type Deployment } from './bicep.ts';
import { evaluate } from './bicep-server.ts';
import { problemsOfQuery } from './parse-query.ts';
import { alertRules, at, workbookQueries } from './read-resources.ts';

/** Every metric that the app sends. */
const metricNames = new Set([
  'archive.audit.broken',
  'archive.deliveries.imported',
  'archive.graph.throttled',
  'archive.items.failed',
  'archive.items.listed',
  'archive.items.relisted',
  'archive.items.skipped',
  'archive.parked.depth',
  'archive.parked.oldest_age_seconds',
  'archive.reconcile.lost',
  'archive.run.completed',
  'archive.run.duration_seconds',
  'archive.run.empty',
  'archive.source.latency_ms',
  'archive.source.sign_in_refused',
]);

/** Hours of the time spans that rules use. */
const hours: Readonly<Record<string, number>> = { PT15M: 0.25, PT30M: 0.5, PT1H: 1, PT2H: 2, P1D: 24, P2D: 48 };

describe('the parser', () => {
  test('it finds a column, a table and an operator that do not exist', () => {
    assert.notDeepEqual(problemsOfQuery('AppMetrics | where Nmae == 1'), []);
    assert.notDeepEqual(problemsOfQuery('AppMetric | where Name == ""'), []);
    assert.notDeepEqual(problemsOfQuery('AppMetrics | sumarize sum(Sum)'), []);
  });
});

describe('the queries', { skip: skipWithout(bicepCli, 'the Bicep CLI') }, () => {
  let deployment: Deployment;
  let queries: ReadonlyMap<string, string>;
  before(async () => {
    deployment = await evaluate(infraFolder, 'prod');
    queries = new Map([
      ...alertRules(deployment).map(({ name, query }) => [`alerts/${name}.kql`, query] as const),
      ...[...workbookQueries(deployment)].map(([name, query]) => [`workbook/${name}.kql`, query] as const),
    ]);
  });

  test('every file is deployed under its own name, and nothing else is', () => {
    const files = ['alerts', 'workbook'].flatMap((folder) =>
      readdirSync(join(infraFolder, 'queries', folder)).map((name) => `${folder}/${name}`),
    );
    assert.deepEqual([...queries.keys()].toSorted(), files.toSorted());
  });

  test('each parses, with every table, column, variable and function known', () => {
    assert.deepEqual(
      [...queries].flatMap(([name, query]) => problemsOfQuery(query).map((problem) => `${name}: ${problem}`)),
      [],
    );
  });

  test('each asks only for metrics that the app sends', () => {
    const unknown = [...queries].flatMap(([name, query]) =>
      [...query.matchAll(/'(archive\.[a-z_.]+)'/g)]
        .filter(([, metric]) => !metricNames.has(metric ?? ''))
        .map(([, metric]) => `${name}: ${metric}`),
    );
    assert.deepEqual(unknown, []);
  });

  test('no alert looks further back than its rule lets it see, and none is asked more rarely than it looks back', () => {
    for (const { name, query, resource } of alertRules(deployment)) {
      const window = hours[String(at(resource, 'properties.windowSize'))];
      const every = hours[String(at(resource, 'properties.evaluationFrequency'))];
      assert.ok(window !== undefined && every !== undefined && every <= window, name);
      const days = Number(/let silentDays = (\d+)/.exec(query)?.[1] ?? 0);
      const back = [...query.matchAll(/ago\((\d+)([hd])\)/g)].map(([, count, unit]) => Number(count) * (unit === 'd' ? 24 : 1));
      assert.ok(Math.max(0, days * 24, ...back) <= window, `${name} looks back further than ${window} h`);
    }
  });
});

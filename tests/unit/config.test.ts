/** Settings: every bad one is named at once, and no value is repeated. @module */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readSettings, SettingsError } from '../../shared/config.ts';

const GOOD = {
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
  TELEMESSAGE_BASE_URL: 'https://gateway.example/tm/',
  TELEMESSAGE_USERNAME: 'user',
  TELEMESSAGE_PASSWORD: 'secret-password',
};

function problemsOf(settings: Record<string, string | undefined>): readonly string[] {
  try {
    readSettings({ ...GOOD, ...settings });
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.problems.map((problem) => problem.split(':')[0] ?? '');
  }
  return [];
}

describe('settings', () => {
  test('have the defaults of the contract', () => {
    const settings = readSettings(GOOD);
    assert.deepEqual(
      {
        schedule: settings.ARCHIVE_SCHEDULE,
        archiver: settings.ARCHIVER.folder,
        graph: settings.GRAPH_BASE_URL.href,
        auth: settings.GRAPH_AUTH,
        automatic: settings.MAPPING_AUTOMATIC,
        csv: settings.MAPPING_CSV_BLOB,
        header: settings.USER_EMAIL_HEADER,
        most: settings.MAX_ITEM_BYTES,
        overlap: settings.WINDOW_OVERLAP_MINUTES,
        lanes: [settings.GRAPH_LANES_PER_MAILBOX, settings.GRAPH_LANES_TOTAL],
        original: settings.ATTACH_ORIGINAL,
      },
      {
        schedule: '0 30 1 * * *',
        archiver: 'Enterprise Number Archiver',
        graph: 'https://graph.microsoft.com/',
        auth: 'identity',
        automatic: true,
        csv: 'config/mapping.csv',
        header: 'X-TELEMESSAGE-UserEmailAddress',
        most: 10_485_760,
        overlap: 120,
        lanes: [3, 64],
        original: false,
      },
    );
  });

  test('that are bad are all named in one error, which repeats no value', () => {
    const bad = {
      ARCHIVER: 'secret-1',
      MAX_ITEM_BYTES: 'secret-2',
      GRAPH_AUTH: 'secret-3',
      TELEMESSAGE_BASE_URL: 'ftp://secret-4',
      TELEMESSAGE_PASSWORD: undefined,
    };
    assert.throws(
      () => readSettings({ ...GOOD, ...bad }),
      (error: Error) => {
        for (const name of Object.keys(bad)) assert.match(error.message, new RegExp(`^ {2}${name}: expected `, 'm'));
        assert.equal(/secret/.test(error.message), false);
        return true;
      },
    );
  });

  for (const [name, values] of Object.entries({
    ARCHIVE_SCHEDULE: ['0 30 1 * *', '99 99 99 * * *', 'x x x x x x', '0 0 0 31 2 *', '* * * * * * *'],
    MAX_ITEM_BYTES: ['0', '-1', '1e6', '157286401', '1.5', ' 10', 'NaN'],
    GRAPH_LANES_PER_MAILBOX: ['0', '5'],
    TELEMESSAGE_BASE_URL: [
      'http://gateway.example',
      'https://user:pass@gateway.example',
      'https://gateway.example/?x=1',
      'file:///etc/passwd',
      'nonsense',
    ],
    GRAPH_BASE_URL: ['http://graph.microsoft.com', '//graph.microsoft.com'],
    MAPPING_AUTOMATIC: ['yes', 'TRUE', '1'],
    MAPPING_CSV_BLOB: ['mapping.csv', 'items/x.csv', 'config/'],
    USER_EMAIL_HEADER: ['X Header', 'X-Header:', 'X-Header\r\nBcc'],
    PHONE_DEFAULT_COUNTRY: ['UK', 'gb', 'XX'],
    VERIFY_SHARE: ['2', '-0.1', 'all'],
    WINDOW_OVERLAP_MINUTES: ['-1', '10081'],
  })) {
    for (const value of values) {
      test(`${name} refuses ${JSON.stringify(value)}`, () => assert.deepEqual(problemsOf({ [name]: value }), [name]));
    }
  }

  test('take http to this machine and a path in an address', () => {
    for (const url of ['http://127.0.0.1:8080/tm', 'http://localhost/tm', 'http://[::1]:1/', 'https://gateway.example/a/b']) {
      assert.deepEqual(problemsOf({ TELEMESSAGE_BASE_URL: url }), []);
    }
  });

  test('take no sign-in to Graph only on this machine', () => {
    assert.deepEqual(problemsOf({ GRAPH_AUTH: 'none' }), ['GRAPH_AUTH']);
    assert.deepEqual(problemsOf({ GRAPH_AUTH: 'none', GRAPH_BASE_URL: 'https://graph.contoso.example' }), ['GRAPH_AUTH']);
    assert.deepEqual(problemsOf({ GRAPH_AUTH: 'none', GRAPH_BASE_URL: 'http://127.0.0.1:1/graph' }), []);
  });

  test('need one of the two mappings', () => {
    assert.deepEqual(problemsOf({ MAPPING_AUTOMATIC: 'false', MAPPING_CSV_BLOB: '' }), ['MAPPING_AUTOMATIC']);
    assert.deepEqual(problemsOf({ MAPPING_AUTOMATIC: 'false' }), []);
    assert.deepEqual(problemsOf({ MAPPING_CSV_BLOB: '' }), []);
  });

  test('need a connection string or all three services', () => {
    const service = (name: string) => ({ [`AzureWebJobsStorage__${name}ServiceUri`]: `https://account.${name}.core.windows.net` });
    assert.deepEqual(problemsOf({ AzureWebJobsStorage: undefined }), ['AzureWebJobsStorage']);
    assert.deepEqual(problemsOf({ AzureWebJobsStorage: undefined, ...service('blob'), ...service('queue') }), ['AzureWebJobsStorage']);
    assert.deepEqual(problemsOf({ AzureWebJobsStorage: undefined, ...service('blob'), ...service('queue'), ...service('table') }), []);
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PermanentError, RetryAfterError, TransientError } from '../../shared/errors.ts';
import type { Participant } from '../../shared/item/parsed-item.ts';
import type { Mailbox } from '../../shared/mailbox/mailbox.ts';
import { mapParticipants, type MappedParticipants } from '../../shared/mapping/map-participants.ts';
import { parseMappingFile } from '../../shared/mapping/parse-mapping-file.ts';

const MAPPING = parseMappingFile(
  Buffer.from('Mobile,Mailbox\n16175550101,ada@contoso.example\n16175550104,Dana@contoso.example\n16175550105,gone@contoso.example\n'),
);

/** Users by every address they have. */
const USERS: ReadonlyMap<string, string> = new Map([
  ['ada@contoso.example', 'ada'],
  ['afields@contoso.example', 'ada'],
  ['ben@contoso.example', 'ben'],
  ['dana@contoso.example', 'dana'],
]);

interface Asked {
  readonly addresses: string[];
  most: number;
}

async function map(
  participants: readonly Partial<Participant>[],
  rules: { readonly automatic?: boolean; readonly withFile?: boolean } = {},
): Promise<MappedParticipants & { asked: Asked }> {
  const asked: Asked = { addresses: [], most: 0 };
  let underWay = 0;
  const findMailbox = async (address: string): Promise<Mailbox | undefined> => {
    asked.addresses.push(address);
    asked.most = Math.max(asked.most, ++underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay--;
    const id = USERS.get(address) ?? (address.startsWith('many') ? address : undefined);
    return id === undefined ? undefined : { id, address: `${id}@contoso.example` };
  };
  const whole = participants.map((participant): Participant => ({ name: '', numberTexts: [], role: 'to', ...participant }));
  const mapping = rules.withFile === false ? undefined : MAPPING;
  return { ...(await mapParticipants(whole, { mapping, automatic: rules.automatic ?? true, findMailbox })), asked };
}

const ids = ({ mailboxes }: MappedParticipants): string[] => mailboxes.map(({ id }) => id);

describe('participants are mapped', () => {
  test('by the mapping file first, and the address is then not asked for', async () => {
    const result = await map([{ address: 'ben@contoso.example', numberTexts: ['16175550101'] }]);
    assert.deepEqual([ids(result), result.mappedBy, result.asked.addresses], [['ada'], ['csv'], ['ada@contoso.example']]);
  });

  test('by the address where the file does not know the number, or the participant has none', async () => {
    const result = await map([{ address: 'ben@contoso.example', numberTexts: ['16175550199'] }, { address: 'dana@contoso.example' }]);
    assert.deepEqual(
      [ids(result), result.mappedBy],
      [
        ['ben', 'dana'],
        ['address', 'address'],
      ],
    );
  });

  test('by the address where the file gives a mailbox that is no valid user’s', async () => {
    const result = await map([{ address: 'ben@contoso.example', numberTexts: ['16175550105'] }]);
    assert.deepEqual([ids(result), result.mappedBy], [['ben'], ['address']]);
  });

  test('by another of their numbers where the first gives no valid user', async () => {
    const result = await map([{ address: 'ben@contoso.example', numberTexts: ['16175550105', '16175550104'] }]);
    assert.deepEqual([ids(result), result.mappedBy], [['dana'], ['csv']]);
  });

  test('by the file alone where automatic mapping is off', async () => {
    const people = [{ address: 'ben@contoso.example' }, { address: 'x@y.example', numberTexts: ['16175550104'] }];
    const result = await map(people, { automatic: false });
    assert.deepEqual([ids(result), result.mappedBy], [['dana'], ['none', 'csv']]);
    assert.deepEqual(result.asked.addresses, ['dana@contoso.example']);
  });

  test('by the address alone where there is no file', async () => {
    const result = await map([{ address: 'ben@contoso.example', numberTexts: ['16175550101'] }], { withFile: false });
    assert.deepEqual([ids(result), result.mappedBy], [['ben'], ['address']]);
  });

  test('each by itself: one without a user does not keep the others from theirs', async () => {
    const result = await map([
      { address: 'x@y.example' },
      { numberTexts: ['16175550104'] },
      { numberTexts: ['1'] },
      { address: 'ben@contoso.example' },
    ]);
    assert.deepEqual(
      [ids(result), result.mappedBy],
      [
        ['dana', 'ben'],
        ['none', 'csv', 'none', 'address'],
      ],
    );
  });

  test('to one mailbox once, in the order of the participants', async () => {
    const people = ['ben', 'afields', 'ada', 'dana', 'ben'].map((user) => ({ address: `${user}@contoso.example` }));
    const result = await map([...people, { numberTexts: ['16175550101'] }]);
    assert.deepEqual(ids(result), ['ben', 'ada', 'dana']);
  });

  test('with one look-up for an address, however many have it, and a bounded number at one time', async () => {
    const people = Array.from({ length: 300 }, (_, index) => ({ address: `many${index % 100}@contoso.example` }));
    const { asked, mailboxes } = await map(people);
    assert.equal(asked.addresses.length, 100);
    assert.equal(mailboxes.length, 100);
    assert.ok(asked.most > 1 && asked.most <= 8, `${asked.most} at one time`);
  });

  test('to none where nobody has a valid user', async () => {
    const result = await map([{ address: 'x@y.example' }]);
    assert.deepEqual([ids(result), result.mappedBy], [[], ['none']]);
    assert.deepEqual(await map([]).then(ids), []);
  });

  for (const [name, failures, due] of [
    ['asks to come back later', [new RetryAfterError(5_000, 'throttling')], 0],
    ['refuses one look-up for good and another one for now', [new PermanentError('access-denied', 'no'), new TransientError('again')], 1],
  ] as const) {
    test(`as far as they can be looked up where the directory ${name}, and what failed is told`, async () => {
      const participants = Array.from({ length: 20 }, (_, index): Participant => ({
        name: '',
        numberTexts: [],
        role: 'to',
        address: `a${index}@y.example`,
      }));
      let asked = 0;
      const findMailbox = async (address: string) => {
        asked += 1;
        const failure = failures[asked - 1];
        if (failure !== undefined) throw failure;
        return { id: address, address };
      };
      const mapped = await mapParticipants(participants, { automatic: true, findMailbox });
      assert.equal(mapped.mailboxes.length, 20 - failures.length);
      assert.equal(mapped.failure, failures[due]);
    });
  }
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PermanentError } from '../../shared/errors.ts';
import { parseItem } from '../../shared/item/parse-item.ts';
import { limits } from '../../shared/limits.ts';
import { joinBytes } from '../corpus/make-message.ts';

const HEADER = 'X-TELEMESSAGE-UserEmailAddress';

function parse(...lines: (string | Uint8Array)[]) {
  return parseItem(joinBytes(...lines.flatMap((line) => [line, '\r\n']), '\r\nx'), { userEmailHeader: HEADER });
}

async function addressesOf(...lines: (string | Uint8Array)[]): Promise<(string | undefined)[]> {
  return (await parse(...lines)).participants.map(({ address }) => address);
}

async function numbersOf(from: string): Promise<readonly string[]> {
  return (await parse(`From: ${from}`)).participants.flatMap(({ numberTexts }) => numberTexts);
}

describe('participants', () => {
  test('are the people of From, To and Cc in this order, with where they stand', async () => {
    const { participants } = await parse(
      'Cc: c@x.example',
      'To: b@x.example',
      'To: B2 <b2@x.example>',
      'From: a@x.example',
      'Bcc: d@x.example',
    );
    assert.deepEqual(
      participants.map(({ address, role }) => [address, role]),
      [
        ['a@x.example', 'from'],
        ['b@x.example', 'to'],
        ['b2@x.example', 'to'],
        ['c@x.example', 'cc'],
      ],
    );
  });

  for (const [name, to, due] of [
    ['a comment that never ends', 'Ben (Sales <b@x.example>, Chen 16175550103 <c@x.example>', ['b@x.example', 'c@x.example']],
    ['a face', 'Ben :( <b@x.example>, Chen :) <c@x.example>', ['b@x.example', 'c@x.example']],
    ['an angry face', 'Ben >:( <b@x.example>; Chen <c@x.example>', ['b@x.example', 'c@x.example']],
    ['inches', 'Ben 5" <b@x.example>, Chen 6" <c@x.example>', ['b@x.example', 'c@x.example']],
    ['a quote that never ends', '"Ben <b@x.example>, Chen <c@x.example>', ['b@x.example', 'c@x.example']],
    ['a quote in an encoded word', '=?utf-8?Q?5"?= <b@x.example>, Chen <c@x.example>', ['b@x.example', 'c@x.example']],
    ['a bracket that never ends', 'Ben < <b@x.example>, Chen <c@x.example>', ['b@x.example', 'c@x.example']],
    ['quotes around two people', 'Ben " <b@x.example>, Chen " <c@x.example>', ['b@x.example', 'c@x.example']],
    ['a comma in a quoted name', '"Doe, Ben" <b@x.example>, "Chen \\"C, D\\"" <c@x.example>', ['b@x.example', 'c@x.example']],
    ['a comma in a comment', 'Ben (Sales, North) <b@x.example>, c@x.example (Chen, Wei)', ['b@x.example', 'c@x.example']],
    ['a quoted name that looks like an address', '"Boss <boss@x.example>, Chief" <b@x.example>', ['b@x.example']],
  ] as const) {
    test(`are all there, and nobody else, with ${name} in the list`, async () => {
      assert.deepEqual(
        (await addressesOf(`To: ${to}`)).filter((address) => address !== undefined),
        due,
      );
    });
  }

  test('are also those of the property, whatever separates them', async () => {
    const four = ['a@x.example', 'b@x.example', 'c@x.example', 'd@x.example'];
    assert.deepEqual(await addressesOf(`${HEADER}: a@x.example, b@x.example;c@x.example`, `${HEADER.toUpperCase()}: d@x.example`), four);
    assert.deepEqual(await addressesOf(`${HEADER}:\r\n a@x.example,\r\n\tb@x.example ; <c@x.example>,\r\n "D, E" <d@x.example>`), four);
    assert.deepEqual(await addressesOf(`${HEADER}: a@x.example b@x.example\tc@x.example  d@x.example`), four);
    assert.deepEqual(await addressesOf(`${HEADER}: Ann A 16175550101 <a@x.example>; Ben <b@x.example>,, c@x.example;d@x.example;`), four);
  });

  test('are read from the property whose name is set, in any case', async () => {
    const raw = joinBytes('x-OUR-property: a@x.example\r\n\r\nx');
    const { participants } = await parseItem(raw, { userEmailHeader: 'X-Our-Property' });
    assert.deepEqual(participants, [{ name: '', address: 'a@x.example', numberTexts: [], role: 'property' }]);
  });

  test('are one where the address is the same, in any case, and keep the name and the number', async () => {
    const { participants } = await parse('From: a@x.example', 'To: Ann 16175550101 <A@X.example>', `${HEADER}: a@x.EXAMPLE`);
    assert.deepEqual(participants, [{ name: 'Ann 16175550101', address: 'a@x.example', numberTexts: ['16175550101'], role: 'from' }]);
  });

  test('are two where one address stands for two numbers, since the mapping file may know both', async () => {
    const { participants } = await parse('To: 16175550101 <desk@x.example>, 16175550102 <desk@x.example>, 16175550101 <desk@x.example>');
    assert.deepEqual(
      participants.map(({ numberTexts }) => numberTexts),
      [['16175550101'], ['16175550102']],
    );
  });

  test('are the members of a group, without its name', async () => {
    assert.deepEqual(await addressesOf('To: Team: a@x.example, B <b@x.example>;, c@x.example', 'Cc: undisclosed-recipients:;'), [
      'a@x.example',
      'b@x.example',
      'c@x.example',
    ]);
  });

  test('keep a name with a colon, a comma or an @ in it', async () => {
    const { to } = await parse('To: Mobile: 16175550101 <a@x.example>, "B, b@y.example: C" <c@x.example>');
    assert.deepEqual(to, [
      { name: 'Mobile: 16175550101', address: 'a@x.example' },
      { name: 'B, b@y.example: C', address: 'c@x.example' },
    ]);
  });

  test('keep names of any script, encoded or raw', async () => {
    const { to } = await parse(joinBytes('To: =?ISO-8859-8?B?4/Dk?= 1 <a@x.example>, ', Buffer.from('Žofie <b@x.example>')));
    assert.deepEqual(
      to.map(({ name }) => name),
      ['דנה 1', 'Žofie'],
    );
  });

  test('have no address where it is none, and are none without an address or a number', async () => {
    const bad = ['a', 'a@localhost', '@x.example', 'a b@x.example', 'a@x..example', 'a@-x.example', `a@${'x'.repeat(64)}.example`];
    for (const address of bad) assert.deepEqual(await addressesOf(`To: Ann <${address}>`), [], address);
    assert.deepEqual(await addressesOf(`To: <${'a'.repeat(65)}@x.example>`, 'Cc: The Whole Team'), []);
    assert.deepEqual(await addressesOf("To: O'Neil+x_{1}@sub.x-y.example", 'Cc: <ü@münchen.example>'), [
      "o'neil+x_{1}@sub.x-y.example",
      'ü@münchen.example',
    ]);
  });

  test('never come out of a quoted name, or mail could be led to a mailbox of the sender’s choice', async () => {
    for (const name of ['boss@x.example', 'Evil <boss@x.example>', 'Evil <boss@x.example>, \\" <boss@z.example>']) {
      assert.deepEqual(await addressesOf(`From: "${name}" <a@y.example>`), ['a@y.example'], name);
      assert.deepEqual(await addressesOf(`From: "${name}" (Work) <a@y.example>`), ['a@y.example'], name);
    }
  });

  test('are not lost in a sign that never closes or that swallows an address', async () => {
    const two = ['ben@x.example', 'chen@x.example'];
    for (const list of [
      'Ben (Sales <ben@x.example>, Chen <chen@x.example>',
      'Ben :( <ben@x.example>, Chen <chen@x.example>',
      'Ben :( <ben@x.example>, Chen :) <chen@x.example>',
      'Ben >:( <ben@x.example>; Chen <chen@x.example>',
      'Ben <3 <ben@x.example>, Chen <chen@x.example>',
      'Ben <3, <ben@x.example>, Chen <chen@x.example>',
      'Ben 5" <ben@x.example>, Chen <chen@x.example>',
      'Ben 5" <ben@x.example>, Chen 6" <chen@x.example>',
      '"Ben <ben@x.example>, "Chen <chen@x.example>',
      '"Ben <ben@x.example>", "Chen <chen@x.example>"',
      '"Ben \\" <ben@x.example>, Chen <chen@x.example>',
      '=?utf-8?Q?Ben=2C_"x?= <ben@x.example>, Chen <chen@x.example>',
      'Ben <ben@x.example> <chen@x.example>',
      '<ben@x.example, Chen <chen@x.example>',
      'Ben (Work (HQ), Boston) <ben@x.example>, Chen (Sales) <chen@x.example>',
    ]) {
      assert.deepEqual(await addressesOf(`To: ${list}`), two, list);
    }
  });

  test('keep their names and numbers beside such a sign', async () => {
    const { to } = await parse(
      'To: Ben 5" 16175550101 <ben@x.example>, 16175550102 :( <c@x.example>; Dan 16175550103 :) <d@x.example>; "E, F" <e@x.example>;',
      'To: Gus <16175550104> <gus@x.example>',
    );
    assert.deepEqual(
      to.map(({ name }) => name),
      ['Ben 5" 16175550101', '16175550102 :(', 'Dan 16175550103 :)', 'E, F', 'Gus <16175550104>'],
    );
  });

  test('are known without the mailto: or smtp: before their address', async () => {
    assert.deepEqual(
      await addressesOf('To: mailto:a@x.example, <SMTP:b@x.example>, C <mailto:c@x.example>', 'Cc: smtp:d@x.example; smtp:e@x.example'),
      ['a@x.example', 'b@x.example', 'c@x.example', 'd@x.example', 'e@x.example'],
    );
  });

  test('have names whose characters are split over encoded words', async () => {
    const { to } = await parse('To: =?utf-8?B?4oI=?= =?utf-8?B?rA==?= <a@x.example>, "=?utf-8?B?4oI=?= =?utf-8?B?rA==?=" <b@x.example>');
    assert.deepEqual(
      to.map(({ name }) => name),
      ['€', '€'],
    );
  });

  test('have whole characters where a long name is cut', async () => {
    for (const start of ['', 'a']) {
      const { to } = await parse(joinBytes('To: ', Buffer.from(`${start}${'😀'.repeat(5_000)} <b@x.example>`)));
      assert.equal(to[0]?.address, 'b@x.example');
      assert.match(to[0]?.name ?? '', /^a?(?:😀)+$/u);
    }
  });

  test('are refused where there are more than allowed, over all headers', async () => {
    const list = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}@x.example`).join(',');
    const fits = await parse(
      `To: ${list('a', limits.participants - 1)}`,
      `Cc: ${list('a', limits.participants - 1)}`,
      'From: me@x.example',
    );
    assert.equal(fits.participants.length, limits.participants);
    const refused = (error: unknown) =>
      error instanceof PermanentError && error.reason === 'too-many-participants' && /limit participants/.test(error.message);
    await assert.rejects(parse(`To: ${list('a', limits.participants)}`, 'From: me@x.example'), refused);
    await assert.rejects(parse(`To: ${'a@x.example,'.repeat(limits.participants + 1)}`), refused);
  });
});

describe('the number of a participant', () => {
  test('stands anywhere in the display name', async () => {
    assert.deepEqual(await numbersOf('Ada Fields 16175550101 <a@x.example>'), ['16175550101']);
    assert.deepEqual(await numbersOf('16175550101 Ada Fields <a@x.example>'), ['16175550101']);
    assert.deepEqual(await numbersOf('Ada(16175550101)Fields <a@x.example>'), ['16175550101']);
    assert.deepEqual(await numbersOf('Ada Fields (+1 617 555 0101) <a@x.example>'), ['+1 617 555 0101']);
    assert.deepEqual(await numbersOf('Ada Fields <a@x.example> (16175550101)'), ['16175550101']);
    assert.deepEqual(await numbersOf('a@x.example (Ada Fields 16175550101)'), ['16175550101']);
    assert.deepEqual(await numbersOf('"Dana Private +1 (617) 555-0104" <d@x.example>'), ['+1 (617) 555-0104']);
    assert.deepEqual(await numbersOf('16175550101'), ['16175550101']);
  });

  test('stands where the address belongs, or is all of its local part, when the name has none', async () => {
    assert.deepEqual(await numbersOf('Ada <16175550101>'), ['16175550101']);
    assert.deepEqual(await numbersOf('<tel:+1-617-555-0101>'), ['+1-617-555-0101']);
    assert.deepEqual(await numbersOf('16175550999@sms.telemessage.example'), ['16175550999']);
    assert.deepEqual(await numbersOf('+16175550999@sms.telemessage.example'), ['+16175550999']);
    assert.deepEqual(await numbersOf('Ada 16175550101 <16175550999@sms.telemessage.example>'), ['16175550101']);
    assert.deepEqual(await numbersOf('"16175550101@sms.example" <a@x.example>'), ['16175550101']);
    assert.deepEqual(await numbersOf('Ada <employee1234567@x.example>'), []);
  });

  test('is looked for only in the first characters of a name', async () => {
    assert.deepEqual(await numbersOf(`"${'x'.repeat(limits.displayNameCharacters)} 16175550101" <a@x.example>`), []);
  });
});

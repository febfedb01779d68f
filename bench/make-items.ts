/**
 * The items of the benchmark: 80 % text of 1 kB, 15 % with 100 kB, 5 % with 1 MB, for one mailbox each.
 *
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Users among whom the items are spread. */
export const users = Array.from({ length: 50 }, (_, index) => {
  const address = `user${String(index).padStart(2, '0')}@contoso.example`;
  return { userPrincipalName: address, mail: address, proxyAddresses: [`SMTP:${address}`], hasMailbox: true };
});

function attachmentBytes(index: number): number {
  if (index % 20 === 0) return 1_000_000;
  return index % 20 <= 3 ? 100_000 : 0;
}

function makeItem(index: number): string {
  const user = users[index % users.length]?.mail ?? '';
  const text = `Item ${index}. ${'The quick brown fox jumps over the lazy dog. '.repeat(23)}`;
  const head = [
    `From: User ${16170000000 + index} <${user}>`,
    'To: 16175550999 <16175550999@sms.telemessage.example>',
    `Subject: SMS from ${16170000000 + index} to 16175550999`,
    'Date: Sun, 22 Nov 2026 09:14:03 +0000',
    `Message-ID: <b-${index}@archive.telemessage.example>`,
    `X-TELEMESSAGE-ArchiveMessageID: b-${index}`,
    'X-TELEMESSAGE-MessageType: SMS',
    `X-TELEMESSAGE-UserEmailAddress: ${user}`,
    'MIME-Version: 1.0',
  ];
  const bytes = attachmentBytes(index);
  if (bytes === 0) return [...head, 'Content-Type: text/plain; charset="utf-8"', '', text, ''].join('\r\n');
  const content = Buffer.alloc(bytes, `${index} `).toString('base64').replaceAll(/.{76}/g, '$&\r\n');
  return [
    ...head,
    'Content-Type: multipart/mixed; boundary="bench"',
    '',
    '--bench',
    'Content-Type: text/plain; charset="utf-8"',
    '',
    text,
    '--bench',
    'Content-Type: image/jpeg',
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment; filename="picture-${index}.jpg"`,
    '',
    content,
    '--bench--',
    '',
  ].join('\r\n');
}

/** Writes `count` items into a folder, the same ones every time. */
export async function makeItems(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let index = 0; index < count; index += 1) {
    await writeFile(join(folder, `${String(index).padStart(6, '0')}.eml`), makeItem(index));
  }
}

/**
 * Item 16 of the sample day: 11 MiB, which is too large to be imported, and to be kept with the project.
 *
 * @module
 */

export const LARGE_ITEM_ID = '16-oversize.eml';
const ATTACHMENT_BYTES = 11 * 1024 * 1024;

/** Makes the item, the same every time. */
export function makeLargeItem(): Buffer {
  const head = [
    'From: Chen Wei 442079460103 <chen.wei@contoso.example>',
    'To: Ada Fields 16175550101 <ada.fields@contoso.example>',
    'Subject: MMS from 442079460103 to 16175550101',
    'Date: Sun, 22 Nov 2026 15:00:00 +0000',
    'Message-ID: <v-0016@archive.telemessage.example>',
    'X-TELEMESSAGE-ArchiveMessageID: v-0016',
    'X-TELEMESSAGE-MessageType: MMS',
    'X-TELEMESSAGE-UserEmailAddress: chen.wei@contoso.example, ada.fields@contoso.example',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="sixteen"',
    '',
    '--sixteen',
    'Content-Type: text/plain; charset="utf-8"',
    '',
    'The whole video.',
    '--sixteen',
    'Content-Type: video/mp4',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename="video.mp4"',
    '',
  ];
  const line = `${Buffer.alloc(57, 0x5a).toString('base64')}\r\n`;
  return Buffer.from(`${head.join('\r\n')}\r\n${line.repeat(Math.ceil(ATTACHMENT_BYTES / 57))}--sixteen--\r\n`);
}

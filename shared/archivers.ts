/**
 * The twelve archivers that share this workflow: what each is called, where its items go and which types it takes.
 *
 * Source: Microsoft's documentation of the TeleMessage connectors (folders and item types).
 *
 * @module
 */

/** One archiver: a name, a mailbox folder, a message class and the types of item it carries. */
export interface ArchiverProfile {
  /** Value of the setting ARCHIVER and of the source's `archiver` parameter. */
  readonly id: string;
  /** Folder of each user's mailbox, exactly as it is shown. */
  readonly folder: string;
  /** MAPI message class; administrators search for `IPM.ExternalData.*`. */
  readonly messageClass: string;
  readonly itemTypes: readonly string[];
}

const CHAT_TYPES = ['call', 'chat', 'attachment', 'file', 'deleted message'] as const;

function profile(id: string, folder: string, source: string, itemTypes: readonly string[]): ArchiverProfile {
  return { id, folder, messageClass: `IPM.ExternalData.${source}`, itemTypes };
}

/** All archivers by id; `enterprise-number` is the default. */
export const archivers: ReadonlyMap<string, ArchiverProfile> = new Map(
  [
    profile('android', 'Android Archiver', 'AndroidArchiver', ['SMS', 'MMS', 'voice call', 'call log']),
    profile('att', 'AT&T SMS/MMS Network Archiver', 'ATTNetworkArchiver', ['SMS', 'MMS']),
    profile('bell', 'Bell SMS/MMS Network Archiver', 'BellNetworkArchiver', ['SMS', 'MMS']),
    profile('enterprise-number', 'Enterprise Number Archiver', 'EnterpriseNumberArchiver', [
      'SMS',
      'MMS',
      'chat',
      'call recording',
      'call log',
    ]),
    profile('o2', 'O2 SMS and Voice Network Archiver', 'O2NetworkArchiver', ['SMS', 'voice call']),
    profile('rogers', 'Rogers SMS/MMS Network Archiver', 'RogersNetworkArchiver', ['SMS', 'MMS']),
    profile('signal', 'Signal Archiver', 'SignalArchiver', CHAT_TYPES),
    profile('telegram', 'Telegram Archiver', 'TelegramArchiver', CHAT_TYPES),
    profile('telus', 'TELUS SMS Network Archiver', 'TELUSNetworkArchiver', ['SMS']),
    profile('verizon', 'Verizon SMS/MMS Network Archiver', 'VerizonNetworkArchiver', ['SMS', 'MMS']),
    profile('wechat', 'WeChat Archiver', 'WeChatArchiver', ['call', 'chat', 'attachment', 'file', 'recalled message']),
    profile('whatsapp', 'WhatsApp Archiver', 'WhatsAppArchiver', CHAT_TYPES),
  ].map((archiver) => [archiver.id, archiver]),
);

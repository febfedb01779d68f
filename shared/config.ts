/**
 * The settings, parsed once at start; a bad start names every bad setting and what is expected of it.
 *
 * @module
 */
import { z } from 'zod';
import { isSupportedCountry, type CountryCode } from 'libphonenumber-js/min';
import { archivers, type ArchiverProfile } from './archivers.ts';
import { limits } from './limits.ts';
import { parseSchedule } from './ncrontab.ts';

/** Thrown for bad settings: the message lists each of them on a line of its own. Values are never shown, some are secret. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  /** @param problems - One line for each bad setting: its name and what is expected. */
  constructor(problems: readonly string[]) {
    super(`The settings are not usable:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether a URL points at this machine, where http and no sign-in are accepted. */
export function isLoopback(url: URL): boolean {
  return LOOPBACK.has(url.hostname);
}

function serviceUrl(what: string) {
  return z.string({ error: `expected ${what}` }).transform((text, context) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const secure = url !== undefined && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url)));
    if (!secure || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
      context.addIssue({
        code: 'custom',
        message: `expected ${what}, https (http only to this machine), without user, query or fragment`,
      });
      return z.NEVER;
    }
    return new URL(url.href.replace(/\/+$/, ''));
  });
}

function wholeNumber(lowest: number, highest: number, otherwise: number) {
  const expected = `expected a whole number from ${lowest} to ${highest}`;
  return z
    .string()
    .regex(/^\d{1,12}$/, { error: expected, abort: true })
    .transform(Number)
    .pipe(z.number().min(lowest, expected).max(highest, expected))
    .default(otherwise);
}

function onOff(otherwise: boolean) {
  return z
    .enum(['true', 'false'], { error: 'expected true or false' })
    .transform((text) => text === 'true')
    .default(otherwise);
}

function share(otherwise: number) {
  const expected = 'expected a number from 0 (none) to 1 (all)';
  return z
    .string()
    .regex(/^\d(\.\d+)?$/, { error: expected, abort: true })
    .transform(Number)
    .pipe(z.number().min(0, expected).max(1, expected))
    .default(otherwise);
}

/** The host takes a function with a schedule that it cannot read out of the app, and no run would ever begin. */
function isSchedule(text: string): boolean {
  try {
    return parseSchedule(text).nextAfter(new Date()) !== undefined;
  } catch {
    return false;
  }
}

const settingsSchema = z
  .object({
    AzureWebJobsStorage: z.string().min(1).optional(),
    AzureWebJobsStorage__blobServiceUri: serviceUrl('the address of the blob service').optional(),
    AzureWebJobsStorage__queueServiceUri: serviceUrl('the address of the queue service').optional(),
    AzureWebJobsStorage__tableServiceUri: serviceUrl('the address of the table service').optional(),
    AzureWebJobsStorage__clientId: z.string().optional(),
    ARCHIVE_SCHEDULE: z
      .string()
      .refine(isSchedule, 'expected six fields that name a time that comes, such as 0 30 1 * * * (NCRONTAB, UTC)')
      .default('0 30 1 * * *'),
    ARCHIVER: z
      .string()
      .transform((id, context): ArchiverProfile => {
        const archiver = archivers.get(id);
        if (archiver === undefined) {
          context.addIssue({ code: 'custom', message: `expected one of ${[...archivers.keys()].join(', ')}` });
          return z.NEVER;
        }
        return archiver;
      })
      .prefault('enterprise-number'),
    TELEMESSAGE_BASE_URL: serviceUrl('the address of the TeleMessage account'),
    TELEMESSAGE_USERNAME: z.string({ error: 'expected the user name of the TeleMessage account' }).min(1, 'expected the user name'),
    TELEMESSAGE_PASSWORD: z.string({ error: 'expected the password of the TeleMessage account' }).min(1, 'expected the password'),
    GRAPH_BASE_URL: serviceUrl('the address of Microsoft Graph').prefault('https://graph.microsoft.com'),
    GRAPH_AUTH: z.enum(['identity', 'none'], { error: 'expected identity or none' }).default('identity'),
    MAPPING_AUTOMATIC: onOff(true),
    MAPPING_CSV_BLOB: z
      .string()
      .refine(
        (path) => path === '' || /^config\/[^\\]{1,900}$/.test(path),
        'expected a blob in the container config, such as config/mapping.csv',
      )
      .default('config/mapping.csv'),
    USER_EMAIL_HEADER: z
      .string()
      .regex(/^[!-9;-~]{1,128}$/, 'expected the name of a message header')
      .default('X-TELEMESSAGE-UserEmailAddress'),
    PHONE_DEFAULT_COUNTRY: z
      .string()
      .refine((code): code is CountryCode => isSupportedCountry(code), 'expected an ISO 3166 code of two capitals, such as GB')
      .optional(),
    MAX_ITEM_BYTES: wholeNumber(1, limits.maxItemBytes, 10_485_760),
    WINDOW_OVERLAP_MINUTES: wholeNumber(0, 7 * 24 * 60, 120),
    GRAPH_LANES_PER_MAILBOX: wholeNumber(1, 4, 3),
    GRAPH_LANES_TOTAL: wholeNumber(1, 1_000, 64),
    ATTACH_ORIGINAL: onOff(false),
    VERIFY_SHARE: share(0.01),
  })
  .superRefine((settings, context) => {
    const services = [
      settings.AzureWebJobsStorage__blobServiceUri,
      settings.AzureWebJobsStorage__queueServiceUri,
      settings.AzureWebJobsStorage__tableServiceUri,
    ];
    if (settings.AzureWebJobsStorage === undefined && services.includes(undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['AzureWebJobsStorage'],
        message:
          'expected a connection string, or all of AzureWebJobsStorage__blobServiceUri, AzureWebJobsStorage__queueServiceUri and AzureWebJobsStorage__tableServiceUri',
      });
    }
    if (settings.GRAPH_AUTH === 'none' && !isLoopback(settings.GRAPH_BASE_URL)) {
      context.addIssue({ code: 'custom', path: ['GRAPH_AUTH'], message: 'none is accepted only where GRAPH_BASE_URL is on this machine' });
    }
    if (!settings.MAPPING_AUTOMATIC && settings.MAPPING_CSV_BLOB === '') {
      context.addIssue({
        code: 'custom',
        path: ['MAPPING_AUTOMATIC'],
        message: 'expected true where MAPPING_CSV_BLOB is empty: one of the two mappings has to be on',
      });
    }
  });

/** The settings as the rest of the app uses them. */
export type Settings = z.output<typeof settingsSchema>;

/** Names of all settings that this app reads, for the sample file and the deployment's tests. */
export const settingNames: readonly string[] = Object.keys(settingsSchema.shape);

/**
 * Parses the settings.
 *
 * @param environment - `process.env`, or something like it. Empty values count as absent, as the portal leaves them; only
 *   MAPPING_CSV_BLOB may be empty on purpose (custom mapping off).
 * @throws SettingsError that names every bad setting.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const given = Object.fromEntries(
    settingNames
      .map((name) => [name, environment[name]] as const)
      .filter(([name, value]) => value !== undefined && (value !== '' || name === 'MAPPING_CSV_BLOB')),
  );
  const result = settingsSchema.safeParse(given);
  if (!result.success) {
    throw new SettingsError(result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  }
  return result.data;
}

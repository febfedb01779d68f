/**
 * Puts app settings in the place of `%NAME%` in a trigger's texts (queue names, schedules, routes).
 *
 * @module
 */

/**
 * Resolves every `%NAME%`.
 *
 * @param text - For example `%ARCHIVE_SCHEDULE%`.
 * @param environment - The app settings.
 * @param where - What the text belongs to, for the error.
 * @throws Error when a setting is missing or empty, which also stops the real host's listener.
 */
export function resolveAppSettings(text: string, environment: Readonly<Record<string, string | undefined>>, where: string): string {
  return text.replace(/%([^%]+)%/g, (_, name: string) => {
    const value = environment[name];
    if (value === undefined || value === '') {
      throw new Error(`${where} uses %${name}%, and there is no app setting ${name}`);
    }
    return value;
  });
}

/**
 * Reads the users of the simulated directory.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const directorySchema = z.array(
  z.object({
    userPrincipalName: z.string().min(1),
    mail: z.string().min(1).exactOptional(),
    proxyAddresses: z.array(z.string()).exactOptional(),
    userType: z.string().exactOptional(),
    hasMailbox: z.boolean(),
  }),
);

/** One user. */
export type LocalUser = z.output<typeof directorySchema>[number];

/** @throws Error that names each user and field that cannot be used. */
export async function readDirectory(file: string): Promise<LocalUser[]> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} is not JSON`, { cause: error });
  }
  const result = directorySchema.safeParse(content);
  if (result.success) return result.data;
  throw new Error(result.error.issues.map((issue) => `${file}: user ${issue.path.join('.')}: ${issue.message}`).join('\n'));
}

import { readFile } from 'node:fs/promises';

import { errorMessage, MalformedError } from '@holdfast/base';
import { z } from 'zod';

const clientSchema = z.object({
  name: z.string(),
  siteId: z.int(),
  roles: z.array(z.string()),
  apiKey: z.string(),
  secret: z.string(),
});

const schema = z.object({
  version: z.literal(1),
  /** The client `up` proves the operator with. */
  client: clientSchema,
  /** Clients with fewer roles. */
  clients: z.array(clientSchema),
  /** Key of the private operator (azure-cc). */
  operatorKey: z.string(),
  /** Key of a public operator that attests as trusted. */
  publicOperatorKey: z.string(),
  /** Key of the Opt-Out service. */
  optoutServiceKey: z.string(),
});

/** The secrets of the local world that people and services present: content of `credentials.json`. */
export type Credentials = z.output<typeof schema>;

export type ClientCredentials = z.output<typeof clientSchema>;

/**
 * Reads the credentials of a home folder.
 * @throws MalformedError CREDENTIALS_UNREADABLE when the file is missing or damaged
 */
export async function loadCredentials(file: string): Promise<Credentials> {
  try {
    return schema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? 'it does not have the expected members' : errorMessage(cause);
    throw new MalformedError('CREDENTIALS_UNREADABLE', `cannot read the credentials ${file}: ${reason}`, {
      cause,
      details: { file },
      action: 'Run `holdfast up` once, or name the home folder of a running one with --home.',
    });
  }
}

import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { errorMessage, MalformedError } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';
import { z } from 'zod';

const schema = z.strictObject({
  version: z.literal(1),
  tenantId: z.guid(),
  clientId: z.guid(),
  objectId: z.guid(),
  clientSecret: z.string().min(1),
});

/** The application that administrates the local vault: what commands present to the local Entra ID. */
export type LocalAdministrator = z.output<typeof schema>;

/**
 * The administrator of a local cloud, made at first use; the file has mode 0600.
 * @throws MalformedError LOCAL_ADMINISTRATOR_UNREADABLE
 */
export async function openAdministrator(file: string, tenantId: string): Promise<LocalAdministrator> {
  const known = await read(file);
  if (known !== undefined) return known;
  const administrator: LocalAdministrator = {
    version: 1,
    tenantId,
    clientId: randomUUID(),
    objectId: randomUUID(),
    clientSecret: randomBytes(30).toString('base64url'),
  };
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFileAtomic(file, `${JSON.stringify(administrator, undefined, 2)}\n`, { mode: 0o600 });
  return administrator;
}

/**
 * Reads the administrator of a local cloud that was up at least once.
 * @throws MalformedError LOCAL_ADMINISTRATOR_UNREADABLE
 */
export async function loadAdministrator(file: string): Promise<LocalAdministrator> {
  const known = await read(file);
  if (known !== undefined) return known;
  throw unreadable(file, 'there is no such file');
}

async function read(file: string): Promise<LocalAdministrator | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // The message of a syntax error could quote the secret.
    const reason =
      cause instanceof z.ZodError || cause instanceof SyntaxError ? 'not what up writes' : errorMessage(cause);
    throw unreadable(file, reason);
  }
}

function unreadable(file: string, reason: string): MalformedError {
  return new MalformedError('LOCAL_ADMINISTRATOR_UNREADABLE', `cannot use ${file}: ${reason}`, {
    details: { file },
    action:
      'Run `holdfast up` once, or name the home folder of a running one with --home; delete the file to renew it.',
  });
}

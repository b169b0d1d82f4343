import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { RequestError, Secret } from '@holdfast/base';
import { homeLayout, loadCredentials } from '@holdfast/local/home';
import { Uid2Client } from '@holdfast/local/uid2-client';

import type { ConnectionFlags } from '../commands/uid2.ts';
import type { CliIo } from '../context.ts';
import { homeFolder } from '../home-folder.ts';

const DEFAULT_OPERATOR = 'http://127.0.0.1:8080';

/**
 * The client a command talks with. Key and secret: both from UID2_API_KEY and UID2_CLIENT_SECRET, else those of the home
 * folder. Address: --operator, UID2_BASE_URL, the running local cloud of the home folder, or the default local port.
 * @throws RequestError UID2_CONNECTION_INCOMPLETE when only one of key and secret is set
 * @throws MalformedError CREDENTIALS_UNREADABLE when they are in neither place
 */
export async function connect(flags: ConnectionFlags, io: CliIo): Promise<Uid2Client> {
  const layout = homeLayout(homeFolder(io, flags.home));
  const { apiKey, secret } = await credentials(io, layout.credentials);
  const address = flags.operator ?? environment(io, 'UID2_BASE_URL') ?? (await runningOperator(layout.readyFile));
  return new Uid2Client({
    operatorUrl: operatorUrl(address ?? DEFAULT_OPERATOR),
    apiKey: new Secret(apiKey),
    clientSecret: new Secret(secret),
    clock: Date.now,
    randomBytes,
  });
}

async function credentials(io: CliIo, file: string): Promise<{ readonly apiKey: string; readonly secret: string }> {
  const apiKey = environment(io, 'UID2_API_KEY');
  const secret = environment(io, 'UID2_CLIENT_SECRET');
  if (apiKey !== undefined && secret !== undefined) return { apiKey, secret };
  if (apiKey === undefined && secret === undefined) return (await loadCredentials(file)).client;
  const missing = apiKey === undefined ? 'UID2_API_KEY' : 'UID2_CLIENT_SECRET';
  throw new RequestError('UID2_CONNECTION_INCOMPLETE', `${missing} is not set although the other one is`, {
    action: 'Set both UID2_API_KEY and UID2_CLIENT_SECRET, or neither to use the local cloud.',
  });
}

function environment(io: CliIo, name: string): string | undefined {
  const value = io.env[name];
  return value === '' ? undefined : value;
}

function operatorUrl(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new RequestError('UID2_ADDRESS_INVALID', `"${address}" is not an http or https address`, {
      action: 'Give the operator as in http://127.0.0.1:8080.',
    });
  }
  return address.replace(/\/+$/, '');
}

/** The operator of the cloud that runs in the home folder, if one does. */
async function runningOperator(readyFile: string): Promise<string | undefined> {
  try {
    const ready = JSON.parse(await readFile(readyFile, 'utf8')) as { operator?: { url?: unknown } | null };
    const url = ready.operator?.url;
    return typeof url === 'string' ? url : undefined;
  } catch {
    return undefined; // no cloud runs there; the default address will say so if nothing else does
  }
}

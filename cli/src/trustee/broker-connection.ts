import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

import { DependencyError, errorMessage, fromUtf8, RequestError } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';

import type { BrokerFlags } from '../commands/trustee.ts';
import type { CliIo } from '../context.ts';

const TIMEOUT_MS = 60_000;

/** A key broker that an administrator talks to. */
export interface BrokerConnection {
  /** The body of the answer. Throws DependencyError TRUSTEE_REFUSED for every status but 200. */
  send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: Uint8Array | string): Promise<string>;
}

/**
 * Runs `work` with a connection to the broker of --url, and closes it.
 * @throws RequestError TRUSTEE_URL_INVALID, TRUSTEE_FILE_UNREADABLE
 */
export async function withBroker<T>(
  flags: BrokerFlags,
  io: CliIo,
  work: (broker: BrokerConnection) => Promise<T>,
): Promise<T> {
  const base = baseUrl(flags.url);
  const token = await adminToken(flags, io);
  const ca = flags.ca === undefined ? undefined : fromUtf8(await readInput(io, flags.ca));
  const client = new HttpClient(ca === undefined ? {} : { ca });
  try {
    return await work({
      send: async (method, path, body) => {
        const answer = await client.send({
          url: `${base}/kbs/v0/${path}`,
          method,
          timeoutMs: TIMEOUT_MS,
          headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
          ...(body === undefined ? {} : { body: typeof body === 'string' ? Buffer.from(body) : body }),
        });
        const text = Buffer.from(answer.body).toString('utf8');
        if (answer.status === 200) return text;
        throw refused(answer.status, text);
      },
    });
  } finally {
    await client.close();
  }
}

/** @throws RequestError TRUSTEE_FILE_UNREADABLE */
export async function readInput(io: CliIo, file: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(resolve(io.cwd, file)));
  } catch (cause) {
    throw new RequestError('TRUSTEE_FILE_UNREADABLE', `cannot read ${file}: ${errorMessage(cause)}`, {
      cause,
      action: 'Check the path and the permissions of the file.',
    });
  }
}

function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new RequestError('TRUSTEE_URL_INVALID', `"${text}" is no address of a key broker`, {
      action: 'Give --url as https://HOST:PORT.',
    });
  }
  return text.replace(/\/+$/, '').replace(/\/kbs\/v0$/, '');
}

async function adminToken({ adminTokenFile }: BrokerFlags, io: CliIo): Promise<string | undefined> {
  if (adminTokenFile !== undefined) return fromUtf8(await readInput(io, adminTokenFile)).trim();
  try {
    const home = io.env['HOME'] ?? homedir();
    return (await readFile(join(home, '.trustee', 'admin-token'), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function refused(status: number, text: string): DependencyError {
  let detail = `it answered ${status}`;
  try {
    const body = JSON.parse(text) as { type?: unknown; detail?: unknown };
    if (typeof body.detail === 'string') detail = body.detail;
  } catch {
    // A proxy's answer: the status has to do.
  }
  return new DependencyError('TRUSTEE_REFUSED', `the key broker refuses: ${detail}`, {
    retryable: false,
    details: { status },
    action: 'Check the administrator token and its role; the log of the broker has the whole reason.',
  });
}

import { resolve } from 'node:path';

import { DependencyError, errorMessage, fromUtf8, RequestError } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';

import type { ReleaseKeyFlags } from '../commands/key.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { readInputLines } from '../uid2/read-input.ts';
import { connectVault, readText } from './connection.ts';
import { hostOf } from './release-policy-input.ts';

/** `holdfast key release`: with a token from anywhere, or through the sidecar of this pod. */
export async function runRelease(context: CliContext, flags: ReleaseKeyFlags, name: string): Promise<void> {
  const { io } = context;
  if ((flags.token === undefined) === (flags.sidecar === undefined)) {
    throw conflict('a release needs either --token or --sidecar');
  }
  if (flags.sidecar !== undefined) {
    const key = await askSidecar(flags.sidecar, flags, name);
    if (flags.json) writeJson(io, { version: 1, key: JSON.parse(key) as unknown });
    else io.stdout.write(`${key}\n`);
    return;
  }
  const token = await readToken(io, flags.token ?? '-');
  const { keys } = await connectVault(flags, io);
  const value = await keys.release(name, token, {
    ...(flags.version === undefined ? {} : { version: flags.version }),
    ...(flags.nonce === undefined ? {} : { nonce: flags.nonce }),
  });
  if (flags.json) writeJson(io, { version: 1, value });
  else io.stdout.write(`${value}\n`);
}

async function readToken(io: CliIo, file: string): Promise<string> {
  if (file !== '-') return (await readText(resolve(io.cwd, file))).trim();
  const [token = ''] = await readInputLines(io, 'the attestation token is');
  return token;
}

async function askSidecar(sidecar: string, flags: ReleaseKeyFlags, name: string): Promise<string> {
  if (flags.attestation === undefined || flags.vault === undefined) {
    throw conflict('--sidecar needs --attestation and --vault');
  }
  const url = URL.parse('/key/release', sidecar);
  if (url === null || !/^https?:$/.test(url.protocol)) throw conflict('--sidecar is not an http address');
  const client = new HttpClient();
  try {
    const answer = await client.send({
      method: 'POST',
      url: url.href,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        maa_endpoint: hostOf(flags.attestation),
        akv_endpoint: hostOf(flags.vault),
        kid: flags.version === undefined ? name : `${name}/${flags.version}`,
      }),
      timeoutMs: 60_000,
      maxBytes: 1024 * 1024,
    });
    const body = parse(answer.body);
    if (answer.status === 200 && typeof body.key === 'string') return body.key;
    throw refused(`status ${answer.status}: ${typeof body.error === 'string' ? body.error : 'no reason given'}`);
  } finally {
    await client.close();
  }
}

function parse(body: Uint8Array): { readonly key?: unknown; readonly error?: unknown } {
  try {
    return (JSON.parse(fromUtf8(body)) as Record<string, unknown> | null) ?? {};
  } catch (cause) {
    throw refused(`an answer that is not JSON: ${errorMessage(cause)}`);
  }
}

function refused(problem: string): DependencyError {
  return new DependencyError('SIDECAR_REFUSED', `the sidecar answered with ${problem}`, {
    retryable: false,
    action: 'Read the answer: it names the step that failed. The log of the vault names the claim.',
  });
}

function conflict(message: string): RequestError {
  return new RequestError('KEY_OPTIONS_CONFLICT', message, { action: 'See holdfast key release --help.' });
}

import { generateKeyPairSync } from 'node:crypto';

import type { NewReleaseKey, VaultKeyPort } from '@holdfast/deployment';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createVaultClient } from '../src/index.ts';
import { startScriptedAzure } from '../testing/scripted-azure.ts';
import type { ScriptedAnswer, ScriptedAzure, Script } from '../testing/scripted-azure.ts';

const VAULT = 'https://kv1.vault.azure.net';
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const { n, e } = pair.publicKey.export({ format: 'jwk' });
const POLICY = '{"version":"1.0.0","anyOf":[]}';
const wanted: NewReleaseKey = { kind: 'RSA-HSM', sizeBits: 3072, operations: ['wrapKey'], releasePolicy: POLICY };

let azure: ScriptedAzure;

beforeAll(async () => {
  azure = await startScriptedAzure();
});
afterAll(async () => {
  await azure.close();
});

/** A vault answers the first request with a challenge, and the same request with a token after it. */
function keysOf(script: Script): VaultKeyPort {
  const place = 'https://login.microsoftonline.com/tenant-id';
  const challenge: ScriptedAnswer = {
    status: 401,
    headers: { 'www-authenticate': `Bearer authorization="${place}", resource="https://vault.azure.net"` },
  };
  azure.use((request) => (request.headers.authorization === undefined ? challenge : script(request)));
  const { credential, httpClient } = azure;
  const { keys } = createVaultClient({ credential, httpClient, maxRetries: 0 });
  if (keys === undefined) throw new Error('there are no keys');
  return keys;
}

const answered: ScriptedAnswer = {
  body: {
    key: { kid: `${VAULT}/keys/consumer/v1`, kty: 'RSA-HSM', key_ops: ['wrapKey'], n, e },
    attributes: { enabled: true, exportable: true },
    release_policy: { contentType: 'application/json', data: Buffer.from(POLICY).toString('base64url') },
  },
};

describe('keys of a vault', () => {
  it('are shown with release policy and public part, which is a PEM that others can read', async () => {
    const found = await keysOf(() => answered).get(VAULT, 'consumer');
    expect(found).toEqual({
      version: 'v1',
      kind: 'RSA-HSM',
      exportable: true,
      releasePolicy: POLICY,
      publicKey: pair.publicKey.export({ type: 'spki', format: 'pem' }),
    });
  });

  it('are absent, not an error, when the vault does not have them', async () => {
    const error = { code: 'KeyNotFound', message: 'A key with (name/id) consumer was not found in this key vault.' };
    expect(await keysOf(() => ({ status: 404, body: { error } })).get(VAULT, 'consumer')).toBeUndefined();
  });

  it('are made exportable with their release policy, in one request', async () => {
    await keysOf(() => answered).create(VAULT, 'consumer', wanted);
    const sent = azure.received.filter(({ headers }) => headers.authorization !== undefined);
    expect(sent.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /keys/consumer/create']);
    const body = JSON.parse(sent[0]?.body ?? '') as { release_policy: { data: string } };
    expect(body).toMatchObject({
      kty: 'RSA-HSM',
      key_size: 3072,
      key_ops: ['wrapKey'],
      attributes: { exportable: true },
    });
    expect(Buffer.from(body.release_policy.data, 'base64url').toString('utf8')).toBe(POLICY);
  });

  it('tell a missing role from everything else', async () => {
    const error = { code: 'Forbidden', message: 'no', innererror: { code: 'ForbiddenByRbac' } };
    const asked = keysOf(() => ({ status: 403, body: { error } })).get(VAULT, 'consumer');
    await expect(asked).rejects.toMatchObject({ problem: { code: 'ForbiddenByRbac' } });
  });
});

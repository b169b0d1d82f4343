import { certificatesToPem } from '@holdfast/attestation';
import type { JsonObject } from '@holdfast/attestation';
import { toHex } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';
import { unwrapKeyMaterial, verifyReleaseResponse } from '@holdfast/key-release';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { KeyChanges, NewKey } from '../../src/azure/index.ts';
import { environmentKey } from './attestation-service.ts';
import type { PublishedService } from './attestation-service.ts';
import { APPLICATION } from './cloud.ts';
import { openKeyCloud } from './key-cloud.ts';
import type { KeyCloud } from './key-cloud.ts';

const HOST_DATA = 'aa'.repeat(32);
const UNVERIFIED = 'Target environment attestation statement cannot be verified.';
const UNMET = 'Target environment attestation does not meet key release policy requirements.';

describe('releasing keys of the local vault', () => {
  let cloud: KeyCloud;
  let client: HttpClient;
  const environment = environmentKey();
  beforeAll(async () => {
    cloud = await openKeyCloud();
    client = new HttpClient({ ca: certificatesToPem([cloud.ca]) });
  });
  afterAll(async () => {
    await client.close();
    await cloud.close();
  });
  beforeEach(() => {
    cloud.decisions.length = 0;
  });

  const policyData = (conditions: readonly object[], authority = cloud.attestation.url): string =>
    Buffer.from(JSON.stringify({ version: '1.0.0', anyOf: [{ authority, allOf: conditions }] })).toString('base64url');
  const HOST_CONDITION = { claim: 'x-ms-sevsnpvm-hostdata', equals: HOST_DATA };
  let made = 0;
  const create = async (over: Partial<NewKey> = {}): Promise<string> => {
    const name = `key-${++made}`;
    const releasePolicy = { data: policyData([HOST_CONDITION]) };
    await cloud.store.createKey(name, { kty: 'oct-HSM', exportable: true, releasePolicy, ...over });
    return name;
  };
  const call = async (
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: unknown,
    authorized = true,
  ): Promise<{ status: number; body: Record<string, never> }> => {
    const { accessToken } = cloud.tokenIssuer.issueAccessToken({
      resource: 'https://vault.azure.net',
      clientId: APPLICATION.clientId,
      objectId: APPLICATION.objectId,
      lifeSeconds: 60,
      clientAuthentication: '1',
    });
    const answer = await client.send({
      method,
      url: `${cloud.vaultUrl}${path}?api%2Dversion=7.4`,
      headers: {
        'content-type': 'application/json',
        ...(authorized ? { authorization: `Bearer ${accessToken}` } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs: 10_000,
    });
    return {
      status: answer.status,
      body: JSON.parse(Buffer.from(answer.body).toString() || '{}') as Record<string, never>,
    };
  };
  const token = (over: JsonObject = {}, by: PublishedService = cloud.attestation): string =>
    by.token({ 'x-ms-sevsnpvm-hostdata': HOST_DATA, 'x-ms-runtime': environment.runtime, ...over });
  const release = async (name: string, target = token(), over: object = {}) =>
    call('POST', `/keys/${name}/release`, { target, ...over });
  const refusal = async (answer: ReturnType<typeof release>): Promise<[number, string, string]> => {
    const { status, body } = await answer;
    const { code, message } = (body as unknown as { error: { code: string; message: string } }).error;
    return [status, code, message];
  };

  it.each([
    ['/keys/NAME/release', false],
    ['/keys/NAME//release', false],
    ['/keys/NAME/VERSION/release', true],
  ])('answers POST %s with a key that only the environment can unwrap', async (path, versioned) => {
    const name = await create();
    const key = cloud.store.getKey(name);
    const { status, body } = await call('POST', path.replace('NAME', name).replace('VERSION', key.version), {
      target: token(),
      nonce: 'n',
      enc: 'RSA_AES_KEY_WRAP_256',
    });
    expect(status).toBe(200);
    const response = verifyReleaseResponse((body as unknown as { value: string }).value, {
      vaultHost: new URL(cloud.vaultUrl).host,
      keyName: name,
      ...(versioned ? { keyVersion: key.version } : {}),
      nonce: 'n',
      algorithm: 'RSA_AES_KEY_WRAP_256',
      encryptionKeyId: environment.kid,
      trustedRoots: [cloud.ca],
      now: Date.now(),
    });
    const material = unwrapKeyMaterial({
      privateKey: environment.privateKey,
      ciphertext: response.ciphertext,
      algorithm: 'RSA_AES_KEY_WRAP_256',
    });
    expect(toHex(material)).toBe(toHex(key.material.secret));
    expect(cloud.decisions).toMatchObject([
      { released: true, issuer: cloud.attestation.url, caller: APPLICATION.clientId },
    ]);
  });

  it.each<[string, JsonObject, string, string]>([
    ['a changed policy digest', { 'x-ms-sevsnpvm-hostdata': 'bb' }, UNMET, 'RELEASE_POLICY_UNMET'],
    ['a claim that is null', { 'x-ms-sevsnpvm-hostdata': null }, UNMET, 'ATTESTATION_TOKEN_CLAIM'],
    ['a claim in another case', { 'x-ms-sevsnpvm-hostdata': 'AA'.repeat(32) }, UNMET, 'RELEASE_POLICY_UNMET'],
    ['no key in the environment', { 'x-ms-runtime': {} }, UNMET, 'RELEASE_NO_ENCRYPTION_KEY'],
    ['a simulated platform', { 'x-ms-test-root': true }, UNMET, 'ATTESTATION_TOKEN_TEST_ROOT'],
    ['an expired token', { iat: 1, exp: 2 }, UNVERIFIED, 'ATTESTATION_TOKEN_EXPIRED'],
    ['another issuer', { iss: 'https://evil.test' }, UNVERIFIED, 'RELEASE_AUTHORITY_UNKNOWN'],
  ])('refuses %s with 403 in one of two sentences, and logs the reason', async (_what, claims, sentence, code) => {
    expect(await refusal(release(await create(), token(claims)))).toEqual([403, 'Forbidden', sentence]);
    expect(cloud.decisions).toMatchObject([{ released: false, error: { code } }]);
  });

  it('never contacts an issuer that the policy does not name', async () => {
    const other = await cloud.attestationWith({});
    expect(await refusal(release(await create(), token({}, other)))).toEqual([403, 'Forbidden', UNVERIFIED]);
    expect(other.requests).toEqual([]);
  });

  it.each([
    ['metadata of another issuer', { issuer: 'https://evil.test' }],
    ['keys on another host', { jwks_uri: 'https://evil.test/certs' }],
  ])('refuses an authority with %s', async (_what, metadata) => {
    const other = await cloud.attestationWith(metadata);
    const name = await create({ releasePolicy: { data: policyData([HOST_CONDITION], other.url) } });
    expect(await refusal(release(name, token({}, other)))).toEqual([403, 'Forbidden', UNVERIFIED]);
    expect(cloud.decisions).toMatchObject([{ error: { code: 'RELEASE_AUTHORITY_UNREACHABLE' } }]);
  });

  it('refuses a token of another signer with the name of a good one', async () => {
    const impostor = await cloud.attestationWith({});
    const forged = token({ iss: cloud.attestation.url }, impostor);
    expect(await refusal(release(await create(), forged))).toEqual([403, 'Forbidden', UNVERIFIED]);
  });

  it('refuses text instead of a token, and an unknown enc', async () => {
    const name = await create();
    expect(await refusal(release(name, 'text'))).toEqual([403, 'Forbidden', UNVERIFIED]);
    expect((await refusal(release(name, token(), { enc: 'A256KW' }))).slice(0, 2)).toEqual([400, 'BadParameter']);
    expect((await refusal(release(name, ''))).slice(0, 2)).toEqual([400, 'BadParameter']);
  });

  it.each<[string, KeyChanges, string]>([
    ['disabled', { enabled: false }, 'disabled key'],
    ['expired', { exp: 1 }, 'expired key'],
    ['not yet valid', { nbf: 4_000_000_000 }, 'not yet valid'],
  ])('refuses a key that is %s', async (_what, changes, words) => {
    const name = await create();
    await cloud.store.updateKey(name, '', changes);
    expect(await refusal(release(name))).toEqual([403, 'Forbidden', expect.stringContaining(words)]);
  });

  it('refuses keys that cannot be released, and keys that are not there', async () => {
    const software = `software-${++made}`;
    await cloud.store.createKey(software, { kty: 'RSA' });
    expect((await refusal(release(software))).slice(0, 2)).toEqual([400, 'BadParameter']);
    expect((await refusal(release('no-such'))).slice(0, 2)).toEqual([404, 'KeyNotFound']);
  });

  it('challenges before it looks at the body, and wants the role', async () => {
    const name = await create();
    expect((await call('POST', `/keys/${name}/release`, undefined, false)).status).toBe(401);
    cloud.roles = ['Key Vault Crypto User'];
    try {
      expect((await refusal(release(name)))[0]).toBe(403);
      expect(cloud.decisions).toEqual([]);
      cloud.properties = {
        enableRbacAuthorization: false,
        accessPolicies: [{ objectId: APPLICATION.objectId, permissions: { keys: ['Release'] } }],
      };
      expect((await release(name)).status).toBe(200);
    } finally {
      cloud.properties = undefined;
      cloud.roles = ['Key Vault Crypto Officer'];
    }
  });

  it('normalises policies, keeps immutable ones, and refuses what does not follow the grammar', async () => {
    const name = `policy-${++made}`;
    const older = {
      version: '0.2',
      anyOf: [{ allOf: [{ claim: 'a', condition: 'equals', value: 'b' }], authority: 'https://a.test' }],
    };
    const data = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');
    const { body } = await call('POST', `/keys/${name}/create`, {
      kty: 'EC-HSM',
      attributes: { exportable: true },
      release_policy: { data: data(older), immutable: true },
    });
    const { release_policy: stored } = body as unknown as { release_policy: { data: string; contentType: string } };
    expect(stored.contentType).toBe('application/json; charset=utf-8');
    expect(Buffer.from(stored.data, 'base64url').toString()).toBe(
      '{"version":"1.0.0","anyOf":[{"authority":"https://a.test","allOf":[{"claim":"a","equals":"b"}]}]}',
    );
    await expect(
      cloud.store.updateKey(name, '', { releasePolicy: { data: policyData([HOST_CONDITION]) } }),
    ).rejects.toMatchObject({ message: 'AKV.SKR.1020: Immutable Key Release Policy cannot be modified.' });
    const refused = await call('POST', `/keys/${name}/create`, {
      kty: 'EC-HSM',
      attributes: { exportable: true },
      release_policy: { data: data({ version: '2.0.0', anyOf: [] }) },
    });
    expect([refused.status, refused.body]).toMatchObject([400, { error: { code: 'BadParameter' } }]);
  });

  it('imports with both spellings of hsm, padded k, and refuses a symmetric key of 65 bytes', async () => {
    const put = async (key: object, over: object) => call('PUT', `/keys/imported-${++made}`, { key, ...over });
    const k = Buffer.alloc(16, 7).toString('base64url');
    for (const over of [{ Hsm: true }, { hsm: true }]) {
      const { status, body } = await put({ kty: 'oct', k: `${k}==`, key_size: 128 }, over);
      expect([status, body]).toMatchObject([200, { key: { kty: 'oct-HSM' } }]);
    }
    const large = await put({ kty: 'oct', k: Buffer.alloc(65).toString('base64url') }, {});
    expect([large.status, large.body]).toMatchObject([
      400,
      { error: { message: 'JSON Web Key: k property of oct key is too large, maximum size is 64' } },
    ]);
  });

  it('accepts a token once where that is asked for', async () => {
    const strict = await openKeyCloud({ singleUseTokens: true });
    const [outer, outerClient] = [cloud, client];
    cloud = strict;
    client = new HttpClient({ ca: certificatesToPem([strict.ca]) });
    try {
      const name = await create();
      const target = token();
      expect((await release(name, target)).status).toBe(200);
      expect(await refusal(release(name, target))).toEqual([403, 'Forbidden', UNVERIFIED]);
      expect(strict.decisions.at(-1)).toMatchObject({ error: { code: 'RELEASE_TOKEN_REPLAYED' } });
    } finally {
      await client.close();
      [cloud, client] = [outer, outerClient];
      await strict.close();
    }
  });
});

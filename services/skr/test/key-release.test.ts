import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { SimulatedPlatform } from '@holdfast/attestation';
import { toHex } from '@holdfast/base';
import type { HttpRequest } from '@holdfast/http';
import type { PublicJwk, ReleaseResponse } from '@holdfast/key-release';
import type { LightMyRequestResponse } from 'fastify';
import { beforeAll, describe, expect, it } from 'vitest';

import { readConfig } from '../src/index.ts';
import { fetchVaultToken } from '../src/key-release/vault-token.ts';
import { answerOf, attestationService, buildPod, HOST_DATA, noWait, random, simulatedPlatform } from './pod.ts';
import type { Pod, PodOptions, Send } from './pod.ts';
import { fakeVault, VAULT, VERSION } from './vault.ts';
import type { FakeVault } from './vault.ts';

const MAA = 'sharedeus.eus.attest.azure.net';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const MATERIAL = new Uint8Array(rsa.privateKey.export({ format: 'der', type: 'pkcs8' }));
const { n, e } = rsa.publicKey.export({ format: 'jwk' }) as { n: string; e: string };
const RSA_KEY: PublicJwk = { kty: 'RSA-HSM', key_ops: ['decrypt'], n, e };
const CLAIMS = { 'x-ms-sevsnpvm-hostdata': toHex(HOST_DATA), 'x-ms-sevsnpvm-is-debuggable': 'false' };

describe('POST /key/release', () => {
  let platform: SimulatedPlatform;
  beforeAll(async () => {
    platform = await simulatedPlatform();
  });

  interface Setting {
    readonly vault?: Parameters<typeof fakeVault>[0];
    readonly pod?: Partial<PodOptions>;
    readonly sendVault?: Send;
    readonly trusted?: boolean;
  }
  const setting = (over: Setting = {}): { readonly pod: Pod; readonly vault: FakeVault } => {
    const vault = fakeVault(over.vault ?? { key: RSA_KEY, material: MATERIAL, claims: CLAIMS });
    const attest = attestationService(platform);
    const send: Send = (request) => {
      const { host } = new URL(request.url);
      if (host === 'imds.test') return answerOf(200, { access_token: 'pod-token', expires_in: '3599' });
      return host === MAA ? attest(request) : (over.sendVault ?? vault.send)(request);
    };
    const trustedRoots = over.trusted === false ? [] : [vault.root];
    return { pod: buildPod({ platform, send, trustedRoots, ...over.pod }), vault };
  };
  const ask = async ({ app }: Pod, over: object = {}): Promise<LightMyRequestResponse> =>
    app.inject({
      method: 'POST',
      url: '/key/release',
      payload: JSON.stringify({ maa_endpoint: MAA, akv_endpoint: VAULT, kid: 'my-key', ...over }),
    });
  const refusal = (answer: LightMyRequestResponse): [number, string] => {
    const { error } = answer.json<{ error: string }>();
    return [answer.statusCode, error.split(':', 1)[0] ?? ''];
  };

  it('answers the private JWK as JSON text, and sends the vault the token of the pod', async () => {
    const { pod, vault } = setting();
    const answer = await ask(pod);
    expect(answer.statusCode).toBe(200);
    const { key } = answer.json<{ key: string }>();
    expect(JSON.parse(key)).toEqual({ ...rsa.privateKey.export({ format: 'jwk' }), key_ops: ['decrypt'] });
    expect(vault.requests.map(({ url, headers }) => [url, headers?.['authorization']])).toEqual([
      [`https://${VAULT}/keys/my-key/release?api-version=7.4`, 'Bearer pod-token'],
    ]);
    expect(pod.requests.find(({ url }) => url.startsWith('http://imds.test'))?.url).toBe(
      'http://imds.test/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net',
    );
  });

  it('releases symmetric and elliptic keys, and a version that is asked for', async () => {
    const oct = setting({ vault: { key: { kty: 'oct-HSM' }, material: Uint8Array.of(1, 2, 3), claims: CLAIMS } });
    const answer = await ask(oct.pod, {
      kid: `my-key/${VERSION}`,
      access_token: 'given',
      akv_endpoint: `https://${VAULT}`,
    });
    expect(JSON.parse(answer.json<{ key: string }>().key)).toEqual({ k: 'AQID', kty: 'oct' });
    expect(oct.vault.requests[0]?.url).toBe(`https://${VAULT}/keys/my-key/${VERSION}/release?api-version=7.4`);
    expect(oct.vault.requests[0]?.headers?.['authorization']).toBe('Bearer given');
    expect(oct.pod.requests.some(({ url }) => url.includes('imds'))).toBe(false);

    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { crv, x, y } = publicKey.export({ format: 'jwk' }) as { crv: string; x: string; y: string };
    const material = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }));
    const curve = setting({ vault: { key: { kty: 'EC-HSM', crv, x, y }, material, claims: CLAIMS } });
    expect(JSON.parse((await ask(curve.pod)).json<{ key: string }>().key)).toEqual(
      privateKey.export({ format: 'jwk' }),
    );
  });

  it('asks a managed HSM for its own kind of token, by the end of its name only', async () => {
    const resourceFor = async (host: string): Promise<string | null> => {
      const { pod } = setting();
      await ask(pod, { akv_endpoint: host });
      const asked = pod.requests.find(({ url }) => url.startsWith('http://imds.test'))?.url ?? '';
      return new URL(asked).searchParams.get('resource');
    };
    expect(await resourceFor('my.managedhsm.azure.net')).toBe('https://managedhsm.azure.net');
    expect(await resourceFor('managedhsm.azure.net.evil.test')).toBe('https://vault.azure.net');
  });

  it('surfaces the refusal of the vault for a changed policy and for a debug guest', async () => {
    const changed = setting({
      vault: { key: RSA_KEY, material: MATERIAL, claims: { ...CLAIMS, 'x-ms-sevsnpvm-hostdata': 'aa' } },
    });
    const answer = await ask(changed.pod);
    expect(refusal(answer)).toEqual([403, 'VAULT_RELEASE_FAILED']);
    expect(answer.json<{ error: string }>().error).toContain('answered with status 403');
    const reportSource = {
      simulated: true,
      report: async (reportData: Uint8Array) =>
        Promise.resolve(platform.attester.report({ reportData, hostData: HOST_DATA, debug: true })),
    };
    expect(refusal(await ask(setting({ pod: { reportSource } }).pod))).toEqual([403, 'VAULT_RELEASE_FAILED']);
  });

  it('refuses the answer to another request, recorded and replayed', async () => {
    const { pod, vault } = setting();
    let recorded: ReturnType<Send> | undefined;
    const replaying = setting({
      sendVault: (request) => (recorded ??= vault.send(request)),
      pod: { trustedRoots: [vault.root] },
    });
    expect((await ask(replaying.pod)).statusCode).toBe(200);
    expect(refusal(await ask(replaying.pod))).toEqual([403, 'RELEASE_RESPONSE_MISMATCH']);
    expect(pod.requests).toEqual([]);
  });

  it.each<[string, (response: ReleaseResponse) => ReleaseResponse, string]>([
    [
      'of another key',
      (r) => ({ ...r, key: { ...r.key, kid: r.key.kid?.replace('my-key', 'other') } }),
      'RELEASE_RESPONSE_MISMATCH',
    ],
    ['for another environment', (r) => ({ ...r, encryptionKeyId: 'x' }), 'RELEASE_RESPONSE_MISMATCH'],
    [
      'with a broken ciphertext',
      (r) => ({ ...r, ciphertext: r.ciphertext.with(300, (r.ciphertext[300] ?? 0) ^ 1) }),
      'KEY_UNWRAP_FAILED',
    ],
    ['with another public part', (r) => ({ ...r, key: { ...r.key, e: 'Aw' } }), 'RELEASED_KEY_MISMATCH'],
    ['of an unknown kind', (r) => ({ ...r, key: { ...r.key, kty: 'OKP' } }), 'RELEASED_KEY_UNSUPPORTED'],
  ])('refuses an answer %s', async (_what, edit, code) => {
    const { pod } = setting({ vault: { key: RSA_KEY, material: MATERIAL, claims: CLAIMS, edit } });
    expect(refusal(await ask(pod))).toEqual([403, code]);
    expect(pod.logged()).toContain(code);
  });

  it('refuses a vault whose certificate no trusted root covers', async () => {
    expect(refusal(await ask(setting({ trusted: false }).pod))).toEqual([403, 'RELEASE_RESPONSE_CHAIN']);
  });

  it.each([
    ['a missing kid', { kid: '' }],
    ['a kid that climbs', { kid: '../secrets/operator-key' }],
    ['a kid with a query', { kid: 'k?x' }],
    ['a version that is none', { kid: 'my-key/latest' }],
    ['a token that is no text', { access_token: 1 }],
    ['an address as vault', { akv_endpoint: '169.254.169.254' }],
    ['a vault with a path', { akv_endpoint: `${VAULT}/x` }],
    ['a vault with a user', { akv_endpoint: `u@${VAULT}` }],
    ['a vault with a fragment', { akv_endpoint: `${VAULT}#` }],
    ['an http vault', { akv_endpoint: `http://${VAULT}` }],
  ])('refuses %s with 400 and sends nothing', async (_what, over) => {
    const { pod } = setting();
    expect((await ask(pod, over)).statusCode).toBe(400);
    expect(pod.requests).toEqual([]);
  });

  it('sends tokens only to allowed vaults where they are listed', async () => {
    const { pod } = setting({ pod: { allowedVaults: ['other.vault.azure.net'] } });
    expect(refusal(await ask(pod))).toEqual([400, 'SKR_ENDPOINT_REFUSED']);
  });

  it('logs neither keys nor tokens', async () => {
    const { pod } = setting();
    const { key } = (await ask(pod, { access_token: 'canary-token' })).json<{ key: string }>();
    const { d = '' } = JSON.parse(key) as { d?: string };
    expect(pod.logged()).toContain('key released');
    expect(pod.logged()).not.toContain('canary-token');
    expect(pod.logged()).not.toContain(d);
  });

  it('says that the pod has no identity when the metadata service knows none', async () => {
    const { pod } = setting({
      pod: {
        send: (request) => {
          if (request.url.startsWith('http://imds.test')) {
            return answerOf(400, { error: 'invalid_request', error_description: 'Identity not found' });
          }
          return attestationService(platform)(request);
        },
      },
    });
    const answer = await ask(pod);
    expect(refusal(answer)).toEqual([403, 'VAULT_TOKEN_UNAVAILABLE']);
    expect(answer.json<{ error: string }>().error).toContain('Identity not found');
  });
});

describe('fetchVaultToken', () => {
  it('exchanges the token of the pod where workload identity is configured', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-skr-'));
    try {
      const tokenFile = join(folder, 'token');
      await writeFile(tokenFile, 'projected\n');
      const { identity } = readConfig({
        env: {
          AZURE_CLIENT_ID: 'client',
          AZURE_TENANT_ID: 'tenant',
          AZURE_FEDERATED_TOKEN_FILE: tokenFile,
          AZURE_AUTHORITY_HOST: 'https://entra.test/',
        },
        configFile: undefined,
      });
      const sent: HttpRequest[] = [];
      const client = {
        send: async (request: HttpRequest) => {
          sent.push(request);
          return Promise.resolve(answerOf(sent.length === 1 ? 503 : 200, { access_token: 'federated' }));
        },
      };
      expect(await fetchVaultToken('https://vault.azure.net', { identity, client, wait: noWait, random })).toBe(
        'federated',
      );
      expect(sent[1]?.url).toBe('https://entra.test/tenant/oauth2/v2.0/token');
      expect(Object.fromEntries(new URLSearchParams(String(sent[1]?.body)))).toEqual({
        client_id: 'client',
        scope: 'https://vault.azure.net/.default',
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: 'projected',
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('needs all three variables of workload identity, and takes the client id of the sidecar arguments otherwise', () => {
    const SkrSideCarArgs = Buffer.from('{"identity":{"client_id":"managed"}}').toString('base64');
    expect(readConfig({ env: { AZURE_CLIENT_ID: 'client', SkrSideCarArgs }, configFile: undefined }).identity).toEqual({
      workload: undefined,
      metadataUrl: 'http://169.254.169.254',
      clientId: 'managed',
    });
  });
});

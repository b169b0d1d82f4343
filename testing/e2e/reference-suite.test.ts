import { generateKeyPairSync } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { clientGenerate } from '../sdk/support/browser.ts';
import { bodyByHand, callByHand } from '../sdk/support/envelope.ts';
import { hashed, RAW_UID } from '../sdk/support/expectations.ts';
import type { SdkClient } from '../sdk/support/sdk-program.ts';
import { freePortBase, startReferenceStack, waitFor } from '../src/index.ts';
import type { ReferenceStack } from '../src/index.ts';
import { keepSeededHome } from './home-copy.ts';

/*
 * What the end-to-end suite of the UID2 reference (uid2-e2e) asks of a deployment, asked in our own words; see
 * docs/guides/reference-e2e.md. The suite itself is not run here.
 */

const home = keepSeededHome();
let stack: ReferenceStack;
let core: string;
let optout: string;
let optoutInternal: string;
let main: SdkClient;

function variable(name: string): string {
  const value = stack.variables[name];
  if (value === undefined) throw new Error(`the stack has no ${name}`);
  return value;
}

beforeAll(async () => {
  const base = await freePortBase(4);
  stack = await startReferenceStack(home.folder, { core: base, optout: base + 1, operator: base + 3 });
  core = variable('UID2_PIPELINE_E2E_CORE_URL');
  optout = variable('UID2_CORE_E2E_OPTOUT_URL');
  optoutInternal = `http://127.0.0.1:${base + 2}`;
  main = {
    url: variable('UID2_PIPELINE_E2E_OPERATOR_URL'),
    apiKey: variable('UID2_OPERATOR_E2E_CLIENT_API_KEY'),
    secret: variable('UID2_OPERATOR_E2E_CLIENT_API_SECRET'),
  };
}, 90_000);

afterAll(async () => {
  await stack.stop();
  home.remove();
});

async function ask(url: string, key: string, init: RequestInit = {}): Promise<{ status: string; json: unknown }> {
  const answer = await fetch(url, {
    ...init,
    headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) },
    signal: AbortSignal.timeout(10_000),
  });
  return { status: `${answer.status} ${answer.statusText}`, json: await answer.json() };
}

describe('basic', () => {
  it('operator and Core are healthy with the text OK, Opt-Out with no text', async () => {
    const texts = [core, main.url, optout].map(async (url) => (await fetch(`${url}/ops/healthcheck`)).text());
    expect(await Promise.all(texts)).toEqual(['OK', 'OK', '']);
  });
});

describe('Core', () => {
  const attest = async (key: string, body?: object) =>
    ask(`${core}/attest`, key, { method: 'POST', ...(body === undefined ? {} : { body: JSON.stringify(body) }) });

  it('refuses an attestation without evidence, an unknown key and a disabled one', async () => {
    expect(await attest(variable('UID2_CORE_E2E_OPERATOR_API_KEY'))).toEqual({
      status: '400 Bad Request',
      json: { status: 'no attestation_request attached' },
    });
    const unknown = `UID2-O-L-000-${'A'.repeat(6)}.${'A'.repeat(38)}`;
    expect(await attest(unknown)).toMatchObject({
      status: '401 Unauthorized',
      json: { status: 'unauthorized', reason: 'unrecognized_key', message: expect.stringContaining('not recognized') },
    });
    expect(await attest(stack.disabledOperatorKey)).toMatchObject({
      status: '401 Unauthorized',
      json: { status: 'unauthorized', reason: 'key_disabled', message: expect.stringContaining('disabled') },
    });
  });

  it('accepts a trusted operator and answers tokens of three parts', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { status, json } = await attest(variable('UID2_CORE_E2E_OPERATOR_API_KEY'), {
      attestation_request: 'AA==',
      public_key: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
      application_name: 'uid2-operator',
      application_version: '5.27.10',
      components: {},
    });
    const jwt = expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect([status, json]).toEqual([
      '200 OK',
      {
        status: 'success',
        body: {
          attestation_token: expect.any(String),
          expiresAt: expect.any(String),
          attestation_jwt_core: jwt,
          attestation_jwt_optout: jwt,
          optout_url: variable('UID2_CORE_E2E_OPTOUT_URL'),
        },
      },
    ]);
  });

  it('serves the runtime configuration', async () => {
    const { json } = await ask(`${core}/operator/config`, variable('UID2_CORE_E2E_OPERATOR_API_KEY'));
    expect(json).toMatchObject({ version: expect.any(Number), runtime_config: expect.any(Object) });
  });

  it.each([
    ['/key/acl/refresh', 'keys_acl', false],
    ['/key/refresh', 'keys', false],
    ['/key/keyset/refresh', 'keysets', true],
    ['/key/keyset-keys/refresh', 'keyset_keys', true],
    ['/clients/refresh', 'client_keys', true],
    ['/sites/refresh', 'sites', true],
    ['/client_side_keypairs/refresh', 'client_side_keypairs', true],
  ])(
    'serves %s without an attestation token to a trusted operator, in clear and encrypted',
    async (path, member, both) => {
      const key = variable('UID2_CORE_E2E_OPERATOR_API_KEY');
      const location = async (headers: Record<string, string>): Promise<string> => {
        const { json } = await ask(core + path, key, { headers });
        expect(json).toMatchObject({ version: expect.any(Number), [member]: { location: expect.any(String) } });
        return (json as Record<string, { location: string }>)[member]?.location ?? '';
      };
      expect(await location({})).not.toContain('encrypted');
      if (both) expect(await location({ Encrypted: 'true' })).toContain('encrypted');
    },
  );

  it.each([{}, { Encrypted: 'true' }])('serves salts, with %j', async (headers) => {
    const { json } = await ask(`${core}/salt/refresh`, variable('UID2_CORE_E2E_OPERATOR_API_KEY'), { headers });
    const { salts } = json as { salts: object[] };
    expect(salts.length).toBeGreaterThan(0);
    for (const entry of salts) {
      expect(entry).toEqual({
        effective: expect.any(Number),
        expires: expect.any(Number),
        location: expect.any(String),
        size: expect.any(Number),
      });
    }
  });

  it.each(['operators', 'partners'])('serves %s to the Opt-Out key', async (store) => {
    const { json } = await ask(`${core}/${store}/refresh`, variable('UID2_CORE_E2E_OPTOUT_API_KEY'));
    expect(json).toMatchObject({ version: expect.any(Number), [store]: { location: expect.any(String) } });
  });
});

describe('operator', () => {
  interface V2Map {
    readonly mapped: readonly { readonly advertising_id: string; readonly bucket_id: string }[];
    readonly unmapped?: readonly { readonly reason: string }[];
  }
  type V3Map = Record<
    string,
    readonly { readonly u?: string; readonly p?: string | null; readonly r?: number; readonly e?: string }[]
  >;

  const numbers = Array.from({ length: 10_000 }, (_, index) => index);
  const batches: Record<string, readonly string[]> = {
    email: numbers.map((index) => `email_${index}@example.com`),
    email_hash: numbers.map((index) => hashed(`email_${index}@example.com`)),
    phone: numbers.map((index) => `+1${String(1_000_000_000 + index)}`),
    phone_hash: numbers.map((index) => hashed(`+1${String(1_000_000_000 + index)}`)),
  };

  it.each(Object.keys(batches))('maps 10,000 of %s in both versions to the same raw UIDs', async (kind) => {
    const v2 = await bodyByHand<V2Map>(main, '/v2/identity/map', { [kind]: batches[kind] });
    expect([v2.mapped.length, v2.unmapped]).toEqual([10_000, undefined]);
    expect(v2.mapped.every((entry) => RAW_UID.test(entry.advertising_id) && entry.bucket_id.trim() !== '')).toBe(true);
    const v3 = (await bodyByHand<V3Map>(main, '/v3/identity/map', { [kind]: batches[kind] }))[kind] ?? [];
    expect(v3.map(({ u }) => u)).toEqual(v2.mapped.map((entry) => entry.advertising_id));
    const anHourAgo = Date.now() / 1000 - 3600;
    expect(v3.every(({ p, r }) => (p === null || RAW_UID.test(p ?? '')) && (r ?? 0) >= anHourAgo)).toBe(true);
  });

  it.each(['email', 'phone', 'email_hash', 'phone_hash'])(
    'maps no bad %s, and an empty batch to nothing',
    async (kind) => {
      const bad = await bodyByHand<V2Map>(main, '/v2/identity/map', { [kind]: ['not one'] });
      expect([bad.mapped, bad.unmapped?.[0]?.reason]).toEqual([[], 'invalid identifier']);
      expect(await bodyByHand(main, '/v2/identity/map', { [kind]: [] })).toEqual({ mapped: [] });
      const v3 = await bodyByHand<V3Map>(main, '/v3/identity/map', { [kind]: ['not one'] });
      expect(v3[kind]).toEqual([{ e: 'invalid identifier' }]);
    },
  );

  it.each([
    ['email', 'optout@example.com'],
    ['phone', '+00000000000'],
  ])('maps the opted-out test identity %s %s to optout, whatever optout_check says', async (kind, value) => {
    for (const check of [{}, { optout_check: 0 }, { optout_check: 1 }]) {
      const v2 = await bodyByHand<V2Map>(main, '/v2/identity/map', { [kind]: [value], ...check });
      expect([v2.mapped, v2.unmapped?.[0]?.reason]).toEqual([[], 'optout']);
    }
    expect((await bodyByHand<V3Map>(main, '/v3/identity/map', { [kind]: [value] }))[kind]).toEqual([{ e: 'optout' }]);
    expect((await callByHand(main, '/v2/token/generate', { [kind]: value })).answer).toEqual({ status: 'optout' });
  });

  it.each([
    ['email', 'validate@example.com'],
    ['phone', '+12345678901'],
  ])('validates the token of the test identity %s %s', async (kind, value) => {
    const { advertising_token: token } = await bodyByHand<{ advertising_token: string }>(main, '/v2/token/generate', {
      [kind]: value,
    });
    expect((await callByHand(main, '/v2/token/validate', { token, [kind]: value })).answer).toEqual({
      body: true,
      status: 'success',
    });
  });

  it('lists the salt buckets since 2021', async () => {
    const buckets = await bodyByHand<object[]>(main, '/v2/identity/buckets', {
      since_timestamp: '2021-01-01T00:00:00',
    });
    expect(buckets).toHaveLength(2000);
  });

  it('hands keys out with the site of the caller, and only master keys to strangers as well', async () => {
    interface Keys {
      readonly caller_site_id: number;
      readonly master_keyset_id: number;
      readonly keys: readonly { readonly id: number; readonly keyset_id?: number }[];
    }
    const stranger = {
      url: main.url,
      apiKey: variable('UID2_OPERATOR_E2E_CLIENT_API_KEY_NON_SHARING_RECIPIENT'),
      secret: variable('UID2_OPERATOR_E2E_CLIENT_API_SECRET_NON_SHARING_RECIPIENT'),
    };
    const own = await bodyByHand<Keys>(main, '/v2/key/sharing', {});
    expect(String(own.caller_site_id)).toBe(variable('UID2_OPERATOR_E2E_CLIENT_SITE_ID'));
    const theirs = await bodyByHand<Keys>(stranger, '/v2/key/sharing', {});
    const masters = own.keys.filter((key) => key.keyset_id === own.master_keyset_id).map(({ id }) => id);
    const common = own.keys.map(({ id }) => id).filter((id) => theirs.keys.some((key) => key.id === id));
    expect(masters.length).toBeGreaterThan(0);
    expect(common).toEqual(masters);
    expect(theirs.keys.length).toBeGreaterThan(masters.length);
  });

  it('lets the right origin generate tokens on the client side, and no other', async () => {
    const keypair = {
      subscriptionId: variable('UID2_OPERATOR_E2E_CSTG_SUBSCRIPTION_ID'),
      publicKey: variable('UID2_OPERATOR_E2E_CSTG_SERVER_PUBLIC_KEY'),
      origin: variable('UID2_OPERATOR_E2E_CSTG_ORIGIN'),
      appName: '',
    };
    const payload = { email_hash: hashed('user@example.com') };
    expect(await clientGenerate(main.url, keypair, payload)).toMatchObject({
      status: 200,
      answer: { status: 'success' },
    });
    const elsewhere = { origin: variable('UID2_OPERATOR_E2E_CSTG_INVALID_ORIGIN') };
    expect(await clientGenerate(main.url, keypair, payload, elsewhere)).toEqual({
      status: 403,
      answer: { status: 'invalid_http_origin', message: 'unexpected http origin' },
    });
  });
});

describe('opt-out', () => {
  it('of somebody with a token is in the log once a delta was asked for, and everywhere soon after', async () => {
    const since = Math.floor(Date.now() / 1000) * 1000;
    const [leaving, staying] = [`leaving-${since}@example.com`, `staying-${since}@example.com`];
    const map = await bodyByHand<Record<string, { u: string }[]>>(main, '/v3/identity/map', {
      email: [leaving, staying],
    });
    const rawUids = (map['email'] ?? []).map(({ u }) => u);
    const token = await bodyByHand<{ refresh_token: string }>(main, '/v2/token/generate', { email: leaving });
    expect((await callByHand(main, '/v2/token/logout', { email: leaving })).answer).toEqual({
      body: { optout: 'OK' },
      status: 'success',
    });

    const internal = { authorization: `Bearer ${variable('UID2_CORE_E2E_OPTOUT_INTERNAL_API_KEY')}` };
    const produced = await fetch(`${optoutInternal}/optout/deltaproduce`, { method: 'POST', headers: internal });
    expect([202, 409]).toContain(produced.status);
    await waitFor(
      async () => {
        const status = await fetch(`${optoutInternal}/optout/deltaproduce/status`, { headers: internal });
        return ((await status.json()) as { state?: string }).state === 'completed';
      },
      90_000,
      () => 'the delta is not completed',
    );
    const optedOut = async (): Promise<readonly { advertising_id: string; opted_out_since: number }[]> =>
      (await bodyByHand<{ opted_out: [] }>(main, '/v2/optout/status', { advertising_ids: rawUids })).opted_out;
    await waitFor(
      async () => (await optedOut()).length > 0,
      90_000,
      () => 'the operator does not know of the opt-out',
    );
    const [only, ...others] = await optedOut();
    expect([only?.advertising_id, others]).toEqual([rawUids[0], []]);
    expect(only?.opted_out_since).toBeGreaterThanOrEqual(since);
    const refreshed = await fetch(`${main.url}/v2/token/refresh`, { method: 'POST', body: token.refresh_token });
    expect(refreshed.status).toBe(200);
    expect((await callByHand(main, '/v2/token/generate', { email: leaving })).answer).toEqual({ status: 'optout' });
    expect((await callByHand(main, '/v2/token/generate', { email: staying })).answer.status).toBe('success');
  });
});

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { clientGenerate } from './support/browser.ts';
import {
  hashed,
  IDENTITY_LIFETIME_MS,
  RAW_UID,
  SHARING_LIFETIME_MS,
  TOKEN_HEAD,
  TOKEN_VERSION_4,
} from './support/expectations.ts';
import { SdkFailure, SdkProgram } from './support/sdk-program.ts';
import type { IdentityKind, SdkClient, SdkIdentity } from './support/sdk-program.ts';

const sdks = inject('sdks');
const { clients, demoSiteId, keypair, optedOut, publicBidder } = inject('world');
const { demo, bidder, mapper, sharer } = clients;

/** A well-formed API key that nobody has, and a well-formed secret that is not the client's. */
const wrongKey: SdkClient = { ...demo, apiKey: `${demo.apiKey.slice(0, -4)}AAAA` };
const wrongSecret: SdkClient = { ...demo, secret: Buffer.alloc(32, 7).toString('base64') };

const EMAIL = 'user@example.com';
const PHONE = '+12345678901';
const IDENTITIES: readonly (readonly [IdentityKind, string, 'Email' | 'Phone'])[] = [
  ['email', EMAIL, 'Email'],
  ['email_hash', hashed(EMAIL), 'Email'],
  ['phone', PHONE, 'Phone'],
  ['phone_hash', hashed(PHONE), 'Phone'],
];

describe.each(['python', 'java'] as const)('the official %s SDK', (language) => {
  const installation = sdks[language];
  /** The Java SDK has no method for some endpoints. */
  const inPythonOnly = language === 'python';

  describe.skipIf('missing' in installation)('against the running operator', () => {
    let sdk: SdkProgram;

    beforeAll(() => {
      sdk = new SdkProgram(installation);
    });

    afterAll(() => sdk.stop());

    async function generate(kind: IdentityKind, value: string, client = demo): Promise<SdkIdentity> {
      const outcome = await sdk.call('generateToken', client, { kind, value });
      if (outcome.status !== 'success') throw new Error(`${value} is opted out`);
      return outcome.identity;
    }

    async function rawUidOf(kind: IdentityKind, value: string): Promise<string> {
      const { mapped } = await sdk.call('mapV3', demo, { [kind]: [value] });
      return mapped[value]?.rawUid ?? '';
    }

    async function failureOf(call: Promise<unknown>): Promise<SdkFailure> {
      try {
        await call;
      } catch (error) {
        if (error instanceof SdkFailure) return error;
        throw error;
      }
      throw new Error('the SDK reported no failure');
    }

    /** Both SDKs name the HTTP status in their message, the Python SDK also hands out the body. */
    function expectHttpFailure(failure: SdkFailure, status: number, body: unknown): void {
      expect(failure.message).toContain(String(status));
      if (failure.body !== undefined) expect(JSON.parse(failure.body)).toEqual(body);
    }

    describe('tokens', () => {
      it.each(IDENTITIES)('generates a token for %s %s and refreshes it', async (kind, value, type) => {
        const first = await generate(kind, value);
        expect(first.advertisingToken.slice(0, 2)).toBe(TOKEN_HEAD.uid2[type]);
        expect(first).toMatchObject({ refreshable: true, refreshToken: expect.stringMatching(/^.{388}$/) });
        const outcome = await sdk.call('refreshToken', demo, { identity: first.json });
        expect(outcome).toMatchObject({ status: 'success', identity: { refreshable: true } });
        const second = outcome.status === 'success' ? outcome.identity : first;
        expect(second.advertisingToken).not.toBe(first.advertisingToken);
        expect(second.refreshToken).not.toBe(first.refreshToken);
        await sdk.call('refreshKeys', demo, { kind: 'bidstream' });
        const [before, after] = await Promise.all(
          [first, second].map(({ advertisingToken: token }) =>
            sdk.call('decrypt', demo, { kind: 'bidstream', token, domain: 'kelp.example' }),
          ),
        );
        expect(after).toMatchObject({ status: 'SUCCESS', rawUid: before?.rawUid });
      });

      if (inPythonOnly) {
        it('sends an e-mail unhashed when told so, and the operator normalises it', async () => {
          const outcome = await sdk.call('generateToken', demo, {
            kind: 'email',
            value: ' User@Example.com ',
            raw: true,
          });
          const identity = outcome.status === 'success' ? outcome.identity : undefined;
          await sdk.call('refreshKeys', demo, { kind: 'bidstream' });
          const decrypted = await sdk.call('decrypt', demo, {
            kind: 'bidstream',
            token: identity?.advertisingToken ?? '',
            domain: 'kelp.example',
          });
          expect(decrypted.rawUid).toBe(await rawUidOf('email', EMAIL));
        });
      }

      it.each([
        ['email', 'optout@example.com'],
        ['email_hash', hashed('optout@example.com')],
        ['phone', '+00000000000'],
      ] as const)('learns that the test identity %s %s is opted out', async (kind, value) => {
        expect(await sdk.call('generateToken', demo, { kind, value })).toEqual({ status: 'optout' });
      });

      it.each([
        ['email', 'refresh-optout@example.com'],
        ['phone', '+00000000002'],
      ] as const)('learns on refresh that the test identity %s %s has opted out', async (kind, value) => {
        const { json } = await generate(kind, value);
        expect(await sdk.call('refreshToken', demo, { identity: json })).toEqual({ status: 'optout' });
      });

      it('learns that somebody opted out: no new token, no refresh of the old one', async () => {
        expect(await sdk.call('generateToken', demo, { kind: 'email', value: optedOut.email })).toEqual({
          status: 'optout',
        });
        expect(await sdk.call('refreshToken', demo, { identity: optedOut.identity })).toEqual({ status: 'optout' });
      });

      it('is refused an invalid hash', async () => {
        const failure = await failureOf(sdk.call('generateToken', demo, { kind: 'email_hash', value: 'not a hash' }));
        expectHttpFailure(failure, 400, { status: 'client_error', message: 'Invalid Identifier' });
      });

      it('is refused a refresh token that was changed', async () => {
        const { json, refreshToken } = await generate('email', EMAIL);
        const changed = `${refreshToken.slice(0, 200)}${refreshToken[200] === 'A' ? 'B' : 'A'}${refreshToken.slice(201)}`;
        const identity = json.replace(refreshToken, changed);
        expect(identity).not.toBe(json);
        const failure = await failureOf(sdk.call('refreshToken', demo, { identity }));
        expect(failure.message).toContain('400');
      });
    });

    describe('identity map', () => {
      it.each(IDENTITIES)('version 2 maps %s %s', async (kind, value) => {
        const { mapped, unmapped } = await sdk.call('mapV2', demo, { kind, values: [value] });
        expect(mapped).toEqual({
          [value]: { rawUid: expect.stringMatching(RAW_UID), bucketId: expect.stringMatching(/^[A-Za-z0-9]{5,}$/) },
        });
        expect(unmapped).toEqual({});
      });

      it('version 2 says why an identity has no raw UID', async () => {
        const good = hashed(EMAIL);
        const out = hashed('optout@example.com');
        const left = hashed(optedOut.email);
        const { mapped, unmapped } = await sdk.call('mapV2', demo, {
          kind: 'email_hash',
          values: [good, 'not a hash', out, left],
        });
        expect(Object.keys(mapped)).toEqual([good]);
        expect(unmapped).toEqual({ 'not a hash': 'invalid identifier', [out]: 'optout', [left]: 'optout' });
      });

      it('version 3 maps all four kinds in one request', async () => {
        const before = Date.now();
        const { mapped, unmapped } = await sdk.call('mapV3', demo, {
          email: [EMAIL, 'other@example.com', 'optout@example.com', optedOut.email],
          email_hash: [hashed('third@example.com'), 'not a hash'],
          phone: [PHONE, '+00000000000'],
          phone_hash: [hashed('+19876543210'), 'neither'],
        });
        expect(Object.keys(mapped).toSorted()).toEqual(
          [EMAIL, 'other@example.com', hashed('third@example.com'), PHONE, hashed('+19876543210')].toSorted(),
        );
        for (const { rawUid, previousRawUid, refreshFromMs } of Object.values(mapped)) {
          expect(rawUid).toMatch(RAW_UID);
          if (previousRawUid !== null) expect(previousRawUid).toMatch(RAW_UID);
          expect(previousRawUid).not.toBe(rawUid);
          expect(refreshFromMs).toBeGreaterThan(before);
        }
        expect(unmapped).toEqual({
          'optout@example.com': { reason: 'OPTOUT', rawReason: 'optout' },
          [optedOut.email]: { reason: 'OPTOUT', rawReason: 'optout' },
          'not a hash': { reason: 'INVALID_IDENTIFIER', rawReason: 'invalid identifier' },
          '+00000000000': { reason: 'OPTOUT', rawReason: 'optout' },
          neither: { reason: 'INVALID_IDENTIFIER', rawReason: 'invalid identifier' },
        });
      });

      it('both versions, raw and hashed input, give one raw UID per identity', async () => {
        const [v2, v2Hash, v3, v3Hash] = await Promise.all([
          sdk.call('mapV2', demo, { kind: 'email', values: [EMAIL] }).then(({ mapped }) => mapped[EMAIL]?.rawUid),
          sdk
            .call('mapV2', demo, { kind: 'email_hash', values: [hashed(EMAIL)] })
            .then(({ mapped }) => mapped[hashed(EMAIL)]?.rawUid),
          rawUidOf('email', ` ${EMAIL.toUpperCase()}`),
          rawUidOf('email_hash', hashed(EMAIL)),
        ]);
        expect(v2).toMatch(RAW_UID);
        expect([v2Hash, v3, v3Hash]).toEqual([v2, v2, v2]);
        expect(await rawUidOf('phone', PHONE)).not.toBe(v2);
      });

      it('maps a batch of 5,000, some with a previous raw UID', async () => {
        const email = Array.from({ length: 5000 }, (_, index) => `person-${index}@example.com`);
        const { mapped, unmapped } = await sdk.call('mapV3', demo, { email });
        expect([Object.keys(mapped).length, unmapped]).toEqual([5000, {}]);
        expect(new Set(Object.values(mapped).map(({ rawUid }) => rawUid)).size).toBe(5000);
        // A quarter of the seeded salts was rotated within the last ninety days.
        const previous = Object.values(mapped).filter(({ previousRawUid }) => previousRawUid !== null).length;
        expect(previous).toBeGreaterThan(500);
        expect(previous).toBeLessThan(2500);
      });

      if (inPythonOnly) {
        it('lists the salt buckets that changed since a date', async () => {
          const all = await sdk.call('identityBuckets', demo, { sinceMs: Date.UTC(2020, 0, 1) });
          expect(all).toHaveLength(2000);
          const { mapped } = await sdk.call('mapV2', demo, { kind: 'email', values: [EMAIL] });
          const own = all.find(({ bucketId }) => bucketId === mapped[EMAIL]?.bucketId);
          expect(own?.lastUpdated).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/);
          expect(await sdk.call('identityBuckets', demo, { sinceMs: Date.now() + 86_400_000 })).toEqual([]);
        });
      }
    });

    describe('decryption', () => {
      it.each([
        ['bidstream', bidder],
        ['bidstream', demo],
        ['sharing', sharer],
        ['sharing', demo],
        ['legacy', bidder],
        ['legacy', sharer],
      ] as const)('%s keys read the publisher’s token', async (kind, reader) => {
        const before = Date.now();
        const { advertisingToken: token } = await generate('email', EMAIL);
        expect(await sdk.call('refreshKeys', reader, { kind })).toMatchObject({ success: true });
        const decrypted = await sdk.call('decrypt', reader, { kind, token, domain: 'kelp.example' });
        expect(decrypted).toMatchObject({
          status: 'SUCCESS',
          rawUid: await rawUidOf('email', EMAIL),
          siteId: demoSiteId,
          identityType: expect.toBeOneOf(['Email', null]),
        });
        expect(decrypted.tokenVersion).toBe(TOKEN_VERSION_4[language]);
        expect(decrypted.establishedMs).toBeGreaterThanOrEqual(before - 1000);
        expect((decrypted.expiryMs ?? 0) - (decrypted.establishedMs ?? 0)).toBe(IDENTITY_LIFETIME_MS);
        if (decrypted.clientSideGenerated !== undefined) expect(decrypted.clientSideGenerated).toBe(false);
      });

      it('tells an e-mail from a phone number', async () => {
        await sdk.call('refreshKeys', bidder, { kind: 'bidstream' });
        const { advertisingToken: token } = await generate('phone', PHONE);
        expect(await sdk.call('decrypt', bidder, { kind: 'bidstream', token })).toMatchObject({
          status: 'SUCCESS',
          identityType: 'Phone',
          rawUid: await rawUidOf('phone', PHONE),
        });
      });

      it('reads a token that a browser generated, where it belongs', async () => {
        const { answer } = await clientGenerate(publicBidder.url, keypair, { email_hash: hashed(EMAIL) });
        const { advertising_token: token } = (answer as { body: { advertising_token: string } }).body;
        await sdk.call('refreshKeys', publicBidder, { kind: 'bidstream' });
        const read = (domain: string) => sdk.call('decrypt', publicBidder, { kind: 'bidstream', token, domain });
        expect(await read('example.com')).toMatchObject({
          status: 'SUCCESS',
          rawUid: await rawUidOf('email', EMAIL),
          siteId: demoSiteId,
          ...(language === 'java' ? { clientSideGenerated: true } : {}),
        });
        // The Python SDK does not check the domain yet.
        const elsewhere = language === 'java' ? 'DOMAIN_OR_APP_NAME_CHECK_FAILED' : 'SUCCESS';
        expect((await read('example.org')).status).toBe(elsewhere);
      });

      it('does nothing before keys were fetched', async () => {
        const { advertisingToken: token } = await generate('email', EMAIL);
        const fresh = { ...demo, url: `${demo.url}/.` }; // another client object of the SDK
        expect((await sdk.call('decrypt', fresh, { kind: 'bidstream', token })).status).toBe('NOT_INITIALIZED');
      });
    });

    describe('sharing', () => {
      it.each([
        ['with itself', demo, demo],
        ['with a site its keyset allows', demo, sharer],
      ])('a raw UID becomes a token that the sharer shares %s', async (_case, sender, receiver) => {
        const rawUid = await rawUidOf('email', EMAIL);
        await sdk.call('refreshKeys', sender, { kind: 'sharing' });
        await sdk.call('refreshKeys', receiver, { kind: 'sharing' });
        const before = Date.now();
        const shared = await sdk.call('encrypt', sender, { kind: 'sharing', rawUid });
        expect(shared).toEqual({ status: 'SUCCESS', token: expect.stringMatching(/^[AB]4/) });
        const decrypted = await sdk.call('decrypt', receiver, { kind: 'sharing', token: shared.token ?? '' });
        expect(decrypted).toMatchObject({ status: 'SUCCESS', rawUid, siteId: demoSiteId });
        expect((decrypted.expiryMs ?? 0) - before).toBeGreaterThan(SHARING_LIFETIME_MS - 5000);
        expect((decrypted.expiryMs ?? 0) - before).toBeLessThan(SHARING_LIFETIME_MS + 5000);
      });

      it('a sharing token stays closed to a site that the keyset does not allow', async () => {
        const rawUid = await rawUidOf('email', EMAIL);
        await sdk.call('refreshKeys', sharer, { kind: 'sharing' });
        await sdk.call('refreshKeys', demo, { kind: 'sharing' });
        const { token } = await sdk.call('encrypt', sharer, { kind: 'sharing', rawUid });
        const own = await sdk.call('decrypt', sharer, { kind: 'sharing', token: token ?? '' });
        expect(own).toMatchObject({ status: 'SUCCESS', rawUid });
        const other = await sdk.call('decrypt', demo, { kind: 'sharing', token: token ?? '' });
        expect(other).toMatchObject({ status: 'NOT_AUTHORIZED_FOR_KEY', rawUid: null });
      });

      it('the deprecated client shares too', async () => {
        const rawUid = await rawUidOf('phone', PHONE);
        await sdk.call('refreshKeys', demo, { kind: 'legacy' });
        const { token } = await sdk.call('encrypt', demo, { kind: 'legacy', rawUid });
        expect(await sdk.call('decrypt', demo, { kind: 'legacy', token: token ?? '' })).toMatchObject({
          status: 'SUCCESS',
          rawUid,
        });
      });
    });

    describe('credentials', () => {
      const UNAUTHORIZED = { status: 'unauthorized' };
      const WRONG_SECRET = {
        status: 'client_error',
        message: expect.stringContaining('Check encryption key (ClientSecret)'),
      };

      it.each([
        ['an unknown API key', wrongKey, 401, UNAUTHORIZED],
        ['an API key without the role', mapper, 401, UNAUTHORIZED],
        ['a wrong secret', wrongSecret, 400, WRONG_SECRET],
      ])('token generate with %s is refused', async (_case, client, status, body) => {
        const failure = await failureOf(sdk.call('generateToken', client, { kind: 'email', value: EMAIL }));
        expectHttpFailure(failure, status, body);
      });

      it.each([
        ['an unknown API key', wrongKey, 401, UNAUTHORIZED],
        ['an API key without the role', bidder, 401, UNAUTHORIZED],
        ['a wrong secret', wrongSecret, 400, WRONG_SECRET],
      ])('identity map with %s is refused, in both versions', async (_case, client, status, body) => {
        expectHttpFailure(await failureOf(sdk.call('mapV2', client, { kind: 'email', values: [EMAIL] })), status, body);
        expectHttpFailure(await failureOf(sdk.call('mapV3', client, { email: [EMAIL] })), status, body);
      });

      it.each([
        ['an unknown API key', wrongKey],
        ['an API key without the role', mapper],
        ['a wrong secret', wrongSecret],
      ])('key refresh with %s fails', async (_case, client) => {
        expect(await sdk.call('refreshKeys', client, { kind: 'bidstream' })).toMatchObject({ success: false });
        expect(await sdk.call('refreshKeys', client, { kind: 'sharing' })).toMatchObject({ success: false });
        await expect(sdk.call('refreshKeys', client, { kind: 'legacy' })).rejects.toThrow(SdkFailure);
      });
    });
  });
});

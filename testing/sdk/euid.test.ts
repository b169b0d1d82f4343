import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { hashed, RAW_UID, TOKEN_HEAD } from './support/expectations.ts';
import { SdkProgram } from './support/sdk-program.ts';

const sdks = inject('sdks');
const { euidClient, clients, demoSiteId } = inject('world');

const EMAIL = 'user@example.com';

/** IAB consent strings (TCF 2, vendor 21) from the public tests of the UID2 operator reference. */
const CONSENT = 'CPehNtWPehNtWABAMBFRACBoALAAAEJAAIYgAKwAQAKgArABAAqAAA';
const NOT_ENOUGH_CONSENT = 'CPehXK9PehXK9ABAMBFRACBoADAAAEJAAIYgAKwAQAKgArABAAqAAA';

describe.each(['python', 'java'] as const)('the official %s SDK', (language) => {
  const installation = sdks[language];

  describe.skipIf('missing' in installation)('against a public operator in EUID scope', () => {
    let sdk: SdkProgram;

    beforeAll(() => {
      sdk = new SdkProgram(installation);
    });

    afterAll(() => sdk.stop());

    async function generate(): Promise<{ readonly token: string; readonly json: string }> {
      const outcome = await sdk.call('generateToken', euidClient, { kind: 'email', value: EMAIL, consent: CONSENT });
      if (outcome.status !== 'success') throw new Error('opted out');
      return { token: outcome.identity.advertisingToken, json: outcome.identity.json };
    }

    it('generates a token with sufficient consent, refreshes it and reads it', async () => {
      const { token, json } = await generate();
      expect(token.slice(0, 2)).toBe(TOKEN_HEAD.euid.Email);
      expect(await sdk.call('refreshToken', euidClient, { identity: json })).toMatchObject({
        status: 'success',
        identity: { advertisingToken: expect.stringMatching(/^E4/) },
      });
      const { mapped } = await sdk.call('mapV3', euidClient, { email: [EMAIL] });
      for (const kind of ['bidstream', 'sharing'] as const) {
        expect(await sdk.call('refreshKeys', euidClient, { kind })).toMatchObject({ success: true });
        expect(await sdk.call('decrypt', euidClient, { kind, token })).toMatchObject({
          status: 'SUCCESS',
          siteId: demoSiteId,
          rawUid: mapped[EMAIL]?.rawUid,
        });
      }
    });

    it('is refused a token without sufficient consent', async () => {
      const call = sdk.call('generateToken', euidClient, { kind: 'email', value: EMAIL, consent: NOT_ENOUGH_CONSENT });
      await expect(call).rejects.toThrow('insufficient_user_consent');
    });

    it('maps in both versions, with the test identities of the scope', async () => {
      const { mapped, unmapped } = await sdk.call('mapV2', euidClient, {
        kind: 'email_hash',
        values: [hashed(EMAIL), hashed('optout@example.com')],
      });
      expect(mapped[hashed(EMAIL)]?.rawUid).toMatch(RAW_UID);
      expect(unmapped).toEqual({ [hashed('optout@example.com')]: 'optout' });
      const v3 = await sdk.call('mapV3', euidClient, { email: [EMAIL] });
      expect(v3.mapped[EMAIL]?.rawUid).toBe(mapped[hashed(EMAIL)]?.rawUid);
    });

    it('shares a raw UID as an EUID token', async () => {
      const { mapped } = await sdk.call('mapV3', euidClient, { email: [EMAIL] });
      const rawUid = mapped[EMAIL]?.rawUid ?? '';
      await sdk.call('refreshKeys', euidClient, { kind: 'sharing' });
      const { status, token } = await sdk.call('encrypt', euidClient, { kind: 'sharing', rawUid });
      // SDKs take a version 2 raw UID that begins with `B` or `F` for a phone number's.
      expect([status, token]).toEqual(['SUCCESS', expect.stringMatching(/^[BF]/.test(rawUid) ? /^F4/ : /^E4/)]);
      expect(await sdk.call('decrypt', euidClient, { kind: 'sharing', token: token ?? '' })).toMatchObject({
        status: 'SUCCESS',
        rawUid,
      });
    });

    // The Python SDK does not look at the scope of a token.
    if (language === 'java') {
      it('a token of the other scope is refused', async () => {
        const outcome = await sdk.call('generateToken', clients.demo, { kind: 'email', value: EMAIL });
        const token = outcome.status === 'success' ? outcome.identity.advertisingToken : '';
        await sdk.call('refreshKeys', euidClient, { kind: 'bidstream' });
        expect(await sdk.call('decrypt', euidClient, { kind: 'bidstream', token })).toMatchObject({
          status: 'INVALID_IDENTITY_SCOPE',
          rawUid: null,
        });
      });
    }
  });
});

import { describe, expect, inject, it } from 'vitest';

import { browserCall, clientGenerate, WEB_SDK_QUERY } from './support/browser.ts';
import type { BrowserAnswer, ClientSideSender } from './support/browser.ts';
import { bodyByHand, callByHand, openGcm } from './support/envelope.ts';
import { hashed, RAW_UID, TOKEN_HEAD } from './support/expectations.ts';

const { clients, keypair, optedOut, publicBidder } = inject('world');
const { demo } = clients;

const ORIGIN = 'https://www.kelp.example';

interface Identity {
  readonly advertising_token: string;
  readonly refresh_token: string;
  readonly refresh_response_key: string;
  readonly identity_expires: number;
  readonly refresh_from: number;
  readonly refresh_expires: number;
}

/** Refreshes as the web SDK does: the bare token as text; a 200 answer is Base64 under the stored response key. */
async function refresh(identity: Identity): Promise<{ readonly http: BrowserAnswer; readonly answer: unknown }> {
  const http = await browserCall(demo.url, `/v2/token/refresh${WEB_SDK_QUERY}`, identity.refresh_token, {
    origin: ORIGIN,
  });
  const plain =
    http.status === 200
      ? openGcm(Buffer.from(identity.refresh_response_key, 'base64'), Buffer.from(http.text, 'base64'))
      : Buffer.from(http.text);
  return { http, answer: JSON.parse(plain.toString('latin1')) };
}

describe('the web SDK’s refresh', () => {
  it('gets a fresh identity with all six members, times in milliseconds', async () => {
    const before = Date.now();
    const first = await bodyByHand<Identity>(demo, '/v2/token/generate', { email: 'user@example.com' });
    const { http, answer } = await refresh(first);
    expect(http.headers['access-control-allow-origin']).toBe(ORIGIN);
    expect(http.headers['access-control-allow-credentials']).toBeUndefined();
    expect(answer).toEqual({
      status: 'success',
      body: {
        advertising_token: expect.stringMatching(/^A4/),
        refresh_token: expect.stringMatching(/^.{388}$/),
        refresh_response_key: expect.stringMatching(RAW_UID),
        identity_expires: expect.any(Number),
        refresh_from: expect.any(Number),
        refresh_expires: expect.any(Number),
      },
    });
    const { body: second } = answer as { body: Identity };
    expect(second.refresh_response_key).not.toBe(first.refresh_response_key);
    expect(second.refresh_from).toBeGreaterThan(before);
    expect(second.refresh_from).toBeLessThan(second.identity_expires);
    expect(second.identity_expires).toBeLessThan(second.refresh_expires);
    expect((await refresh(second)).answer).toMatchObject({ status: 'success' });
  });

  it('holds ASCII only, which the SDK reads as Latin-1', async () => {
    const identity = await bodyByHand<Identity>(demo, '/v2/token/generate', { email: 'größe@example.com' });
    const { answer } = await refresh(identity);
    expect(JSON.stringify(answer)).toMatch(/^[\x20-\x7E]*$/);
  });

  it('says optout under the stored response key', async () => {
    expect((await refresh(JSON.parse(optedOut.identity) as Identity)).answer).toEqual({ status: 'optout' });
    const test = await bodyByHand<Identity>(demo, '/v2/token/generate', { email: 'refresh-optout@example.com' });
    expect((await refresh(test)).answer).toEqual({ status: 'optout' });
  });

  it('says why in plain JSON when the token is none', async () => {
    const http = await browserCall(demo.url, `/v2/token/refresh${WEB_SDK_QUERY}`, 'not-a-refresh-token', {
      origin: ORIGIN,
    });
    expect([http.status, JSON.parse(http.text)]).toEqual([400, { status: 'error', message: expect.any(String) }]);
    expect(http.headers['access-control-allow-origin']).toBe(ORIGIN);
  });
});

describe('the browser’s preflight', () => {
  it.each(['/v2/token/refresh', '/v2/token/client-generate'])('for %s is allowed', async (path) => {
    const { status, headers, text } = await browserCall(demo.url, path + WEB_SDK_QUERY, undefined, {
      method: 'OPTIONS',
      origin: ORIGIN,
      headers: {
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,x-uid2-client-version',
      },
    });
    expect([status, text]).toEqual([204, '']);
    expect(headers['access-control-allow-origin']).toBe(ORIGIN);
    expect(headers['access-control-allow-methods']).toContain('POST');
    const allowed = (headers['access-control-allow-headers'] ?? '').toLowerCase();
    expect(allowed).toContain('x-uid2-client-version');
    expect(allowed).toContain('content-type');
    expect(allowed).not.toContain('authorization');
    expect(headers['access-control-allow-credentials']).toBeUndefined();
  });
});

describe('the web SDK’s client-generate', () => {
  async function generate(payload: object, sender: ClientSideSender = {}): ReturnType<typeof clientGenerate> {
    return clientGenerate(publicBidder.url, keypair, payload, sender);
  }

  it.each([
    ['email_hash', 'user@example.com', TOKEN_HEAD.uid2.Email],
    ['phone_hash', '+12345678901', TOKEN_HEAD.uid2.Phone],
  ])('gets an identity for %s, and can refresh it', async (kind, value, head) => {
    const { status, answer } = await generate({ [kind]: hashed(value) });
    expect([status, answer]).toMatchObject([200, { status: 'success' }]);
    const { body } = answer as { body: Identity };
    expect(body.advertising_token.slice(0, 2)).toBe(head);
    expect((await refresh(body)).answer).toMatchObject({ status: 'success' });
  });

  it('works from an app that names itself', async () => {
    expect(await generate({ email_hash: hashed('user@example.com') }, { appName: keypair.appName })).toMatchObject({
      status: 200,
      answer: { status: 'success' },
    });
  });

  it('says optout to somebody who opted out', async () => {
    expect(await generate({ email_hash: hashed(optedOut.email) })).toEqual({
      status: 200,
      answer: { status: 'optout' },
    });
  });

  it('is refused from another app', async () => {
    expect(await generate({ email_hash: hashed('user@example.com') }, { appName: 'com.example.other' })).toEqual({
      status: 403,
      answer: { status: 'invalid_app_name', message: 'unexpected app name' },
    });
  });

  it('is refused from another origin', async () => {
    expect(await generate({ email_hash: hashed('user@example.com') }, { origin: 'https://example.org' })).toEqual({
      status: 403,
      answer: { status: 'invalid_http_origin', message: 'unexpected http origin' },
    });
  });

  it('is refused without an identity', async () => {
    expect(await generate({})).toEqual({
      status: 400,
      answer: { status: 'client_error', message: expect.stringContaining('exactly one of: email_hash, phone_hash') },
    });
  });
});

describe('endpoints without an SDK', () => {
  it('opt-out status lists exactly the raw UID that opted out, with its time', async () => {
    const map = await bodyByHand<{ email: { u: string }[] }>(demo, '/v3/identity/map', { email: ['user@example.com'] });
    const body = await bodyByHand<{ opted_out: { advertising_id: string; opted_out_since: number }[] }>(
      demo,
      '/v2/optout/status',
      { advertising_ids: [map.email[0]?.u, optedOut.rawUid, 'unknown'] },
    );
    expect(body.opted_out.map(({ advertising_id: id }) => id)).toEqual([optedOut.rawUid]);
    // Opt-outs are stored in whole seconds.
    expect(body.opted_out[0]?.opted_out_since).toBeGreaterThanOrEqual(Math.floor(optedOut.sinceMs / 1000) * 1000);
    expect(body.opted_out[0]?.opted_out_since).toBeLessThanOrEqual(Date.now());
  });

  it('opt-out status wants a key with a role that may ask', async () => {
    const stranger = { ...demo, apiKey: `${demo.apiKey.slice(0, -4)}AAAA` };
    expect(await callByHand(stranger, '/v2/optout/status', { advertising_ids: [] })).toEqual({
      httpStatus: 401,
      answer: { status: 'unauthorized' },
    });
  });
});

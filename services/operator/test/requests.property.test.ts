import { randomBytes } from 'node:crypto';

import { toBase64 } from '@holdfast/base';
import { damagedBytes, damagedJson, damagedText } from '@holdfast/base/testing/fuzz';
import { runsOf } from '@holdfast/base/testing/thorough';
import { encodeRequestEnvelope } from '@holdfast/uid2';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ENVELOPED_ENDPOINTS, STATUS_WORDS } from '../testing/index.ts';
import { bodyOf, NOW_MS, textOf, World } from './world.ts';

const RUNS = { numRuns: runsOf(37, 150) };

let world: World;
let refreshToken: string;

beforeAll(async () => {
  world = new World();
  const generated = bodyOf(await world.call('/v2/token/generate', { email: 'user@example.com' }));
  refreshToken = textOf(generated, 'refresh_token');
});

afterAll(async () => world.app.close());

/** What an answer may look like: a sealed reply, a refusal with its status word, or the bare text of a failure. */
function expectNamedAnswer(status: number, text: string): void {
  expect([200, 400, 401, 500]).toContain(status);
  if (status === 200) return;
  if (status === 500 && text === 'Internal Server Error') return;
  const { status: word } = JSON.parse(text) as { status: string };
  expect(STATUS_WORDS[status]).toContain(word);
}

describe.each(ENVELOPED_ENDPOINTS)('POST %s %j', (path, valid) => {
  it('answers every payload with a status its specification names', async () => {
    await fc.assert(
      fc.asyncProperty(damagedJson(valid), fc.boolean(), async (payload, binary) => {
        const { status, text } = await world.call(path, payload, { binary });
        expectNamedAnswer(status, text);
      }),
      RUNS,
    );
  });
});

describe('a request body that is no whole envelope', () => {
  const envelope = () =>
    encodeRequestEnvelope(
      { nowMs: NOW_MS, nonce: new Uint8Array(8), json: '{"email":"user@example.com"}' },
      world.client.secret,
      randomBytes,
    );

  it('as bytes, is refused as the caller’s error', async () => {
    const valid = envelope();
    await fc.assert(
      fc.asyncProperty(damagedBytes(valid), async (bytes) => {
        fc.pre(!Buffer.from(bytes).equals(valid));
        const answer = await world.post('/v2/token/generate', Buffer.from(bytes), {
          contentType: 'application/octet-stream',
        });
        expect([answer.statusCode, answer.json()]).toMatchObject([400, { status: 'client_error' }]);
      }),
      { numRuns: runsOf(75, 300) },
    );
  });

  it('as text, is refused as the caller’s error, unless it still says the same bytes', async () => {
    const valid = envelope();
    const text = toBase64(valid);
    await fc.assert(
      fc.asyncProperty(damagedText(text), async (sent) => {
        const answer = await world.post('/v2/token/generate', sent, { contentType: 'text/plain' });
        if (answer.statusCode === 200) expect(Buffer.from(sent, 'base64').equals(valid)).toBe(true);
        else expect([answer.statusCode, answer.json()]).toMatchObject([400, { status: 'client_error' }]);
      }),
      { numRuns: runsOf(75, 300) },
    );
  });
});

/** All but the first byte, the scope: nobody checks it, as in the reference, and the token inside says it again. */
function sealedPart(token: string): Buffer {
  return Buffer.from(token, 'base64').subarray(1);
}

describe('POST /v2/token/refresh', () => {
  it.each([true, false])('refuses every damaged refresh token, with an API key: %s', async (authenticated) => {
    await fc.assert(
      fc.asyncProperty(damagedText(refreshToken), async (token) => {
        fc.pre(token.trim() !== refreshToken);
        const answer = await world.post('/v2/token/refresh', token, authenticated ? {} : { client: null });
        expectNamedAnswer(answer.statusCode, answer.body);
        if (answer.statusCode === 200) expect(sealedPart(token).equals(sealedPart(refreshToken))).toBe(true);
      }),
      { numRuns: runsOf(75, 300) },
    );
  });
});

describe('credentials', () => {
  it('that are not a client’s are refused, whatever they are', async () => {
    const header = fc.oneof(
      damagedText(`Bearer ${world.client.apiKey}`).map((text) => text.replaceAll(/[^\t\x20-\x7E\x80-\xFF]/g, '?')),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(header, async (authorization) => {
        fc.pre(authorization.trim().slice(7) !== world.client.apiKey);
        const answer = await world.app.inject({
          method: 'POST',
          url: '/v2/key/sharing',
          headers: { authorization },
          payload: 'x',
        });
        expect([answer.statusCode, answer.json()]).toEqual([401, { status: 'unauthorized' }]);
      }),
      { numRuns: runsOf(75, 300) },
    );
  });
});

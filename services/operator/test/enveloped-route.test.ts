import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';

import { toBase64 } from '@holdfast/base';
import { encodeRequestEnvelope } from '@holdfast/uid2';
import { describe, expect, it } from 'vitest';

import { errorText, World } from './world.ts';

const PATH = '/v2/token/generate';
const DOCS = 'https://unifiedid.com/docs/getting-started/gs-encryption-decryption';
const HINT = ` See ${DOCS} for details on the request envelope format.`;
const PLAIN_JSON =
  'Invalid body: The request body is unencrypted JSON. It must be an encrypted request envelope. ' +
  `See ${DOCS}#encryption-and-decryption-code-examples for encryption and decryption code examples.`;
const BINARY = 'application/octet-stream';
const FORM = 'application/x-www-form-urlencoded';

const world = new World();

function envelope(json: string, nowMs = world.nowMs, secret = world.client.secret): Buffer {
  return Buffer.from(encodeRequestEnvelope({ nowMs, nonce: randomBytes(8), json }, secret, randomBytes));
}

describe('envelope faults are 400 client_error, never encrypted, and name the remedy', () => {
  const short = Buffer.alloc(44, 1);
  const wrongVersion = envelope('{}');
  wrongVersion[0] = 200;
  const cases: readonly (readonly [string, string | undefined, Buffer | string | undefined, string])[] = [
    ['no body, text', undefined, undefined, 'Invalid body: Body is missing.'],
    ['no body, binary', BINARY, undefined, 'Invalid body: Body is missing.'],
    ['empty body', 'text/plain', '', 'Invalid body: Body is missing.'],
    ['short, binary', BINARY, short, `Invalid body: Body too short. Check encryption method.${HINT}`],
    ['short, text', 'text/plain', toBase64(short), `Invalid body: Body too short. Check encryption method.${HINT}`],
    ['plain JSON, text', 'application/json', '{"email":"a@b.c"}', PLAIN_JSON],
    ['plain JSON, binary', BINARY, '{"email":"a@b.c"}', PLAIN_JSON],
    ['long plain JSON, binary', BINARY, `{"email":"${'a'.repeat(60)}@example.com"}`, PLAIN_JSON],
    [
      'version byte above 127 is shown unsigned',
      BINARY,
      wrongVersion,
      `Invalid body: Invalid request envelope format version: received 200, must be 1.${HINT}`,
    ],
    [
      'another secret',
      BINARY,
      envelope('{}', world.nowMs, new World().client.secret),
      `Invalid body: Check encryption key (ClientSecret).${HINT}`,
    ],
    ['not Base64', 'text/plain', '***', `Invalid body: Body is not valid base64.${HINT}`],
    [
      'a trailing newline, as a shell pipe adds',
      'text/plain',
      `${toBase64(envelope('{}'))}\n`,
      `Invalid body: Body is not valid base64.${HINT}`,
    ],
    ['an array for payload', BINARY, envelope('[1]'), 'Invalid payload in body: Data is not valid json string.'],
    ['broken payload', BINARY, envelope('{"a"'), 'Invalid payload in body: Data is not valid json string.'],
  ];

  it.each(cases)('%s', async (_name, contentType, body, message) => {
    const answer = await world.post(PATH, body, contentType === undefined ? {} : { contentType });
    expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([
      400,
      'application/json',
      errorText('client_error', message),
    ]);
  });

  it('an EUID operator points to the EUID documentation', async () => {
    const answer = await new World({ identityScope: 'euid' }).post(PATH, '***', { contentType: 'text/plain' });
    expect(answer.json().message).toContain('See https://euid.eu/docs/getting-started');
  });
});

describe('the clock window is just under 120 s back and exactly 119 s ahead', () => {
  it.each([
    [-119_999, 200],
    [-120_000, 400],
    [119_000, 200],
    [119_001, 400],
  ])('a caller whose clock is off by %i ms gets %i', async (offset, status) => {
    const answer = await world.call(PATH, { email: 'test@uid2.com' }, { callerNowMs: world.nowMs + offset });
    expect(answer.status).toBe(status);
    if (status === 400) {
      expect(answer.text).toBe(errorText('client_error', 'Invalid timestamp: Request too old or client time drift.'));
    }
  });
});

describe('content types decide the mode', () => {
  it('application/octet-stream in any case gets raw bytes under exactly that type', async () => {
    for (const contentType of [BINARY, 'Application/Octet-Stream']) {
      const answer = await world.call(PATH, { email: 'test@uid2.com' }, { binary: true, contentType });
      expect([answer.status, answer.contentType, answer.json?.['status']]).toEqual([200, BINARY, 'success']);
    }
  });

  it.each([undefined, 'text/plain', 'application/json', FORM, `${FORM}; charset=utf-8`, `${BINARY}; charset=utf-8`])(
    'content type %s with Base64 text gets Base64 under exactly text/plain',
    async (contentType) => {
      const answer = await world.call(
        PATH,
        { email: 'test@uid2.com' },
        contentType === undefined ? {} : { contentType },
      );
      expect([answer.status, answer.contentType, answer.json?.['status']]).toEqual([200, 'text/plain', 'success']);
    },
  );

  it('Base64 text under octet-stream falls back to text, and so does the reply', async () => {
    const answer = await world.call(PATH, { email: 'test@uid2.com' }, { contentType: BINARY });
    expect([answer.status, answer.contentType, answer.json?.['status']]).toEqual([200, 'text/plain', 'success']);
  });

  it('octet-stream with a parameter is text, so raw bytes under it are refused', async () => {
    const answer = await world.post(PATH, envelope('{"email":"test@uid2.com"}'), {
      contentType: `${BINARY}; charset=utf-8`,
    });
    expect(answer.body).toBe(errorText('client_error', `Invalid body: Body is not valid base64.${HINT}`));
  });

  it('errors of binary requests are JSON text all the same', async () => {
    const answer = await world.call(PATH, { email: 'nonsense' }, { binary: true });
    expect([answer.status, answer.contentType, answer.text]).toEqual([
      400,
      'application/json',
      errorText('client_error', 'Invalid Identifier'),
    ]);
  });

  it('missing padding is legal', async () => {
    let text = '';
    for (let extra = 0; !text.endsWith('='); extra += 1) {
      text = toBase64(envelope(`{"email":"test@uid2.com","x":"${'x'.repeat(extra)}"}`));
    }
    const answer = await world.post(PATH, text.replaceAll('=', ''), { contentType: 'text/plain' });
    expect(answer.statusCode).toBe(200);
  });
});

it('a reply that cannot be built is a 500 with status error and an empty message', async () => {
  const broken = new World();
  let calls = 0;
  broken.random = (length) => {
    calls += 1;
    if (calls > 5) throw new Error('no randomness left');
    return randomBytes(length);
  };
  const answer = await broken.call(PATH, { email: 'test@uid2.com' });
  expect([answer.status, answer.contentType, answer.text]).toEqual([500, 'application/json', errorText('error', '')]);
});

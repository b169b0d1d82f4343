import { describe, expect, it } from 'vitest';

import { formatReleaseRequest, parseReleaseRequest } from '../src/index.ts';

describe('parseReleaseRequest', () => {
  it('reads what formatReleaseRequest writes', () => {
    const request = { target: 'a.b.c', nonce: 'n', algorithm: 'RSA_AES_KEY_WRAP_256' } as const;
    expect(parseReleaseRequest(formatReleaseRequest(request))).toEqual(request);
  });

  it('takes CKM_RSA_AES_KEY_WRAP without enc', () => {
    expect(parseReleaseRequest('{"target":"t"}')).toEqual({
      target: 't',
      nonce: undefined,
      algorithm: 'CKM_RSA_AES_KEY_WRAP',
    });
  });

  it.each([
    '',
    '[]',
    '{}',
    '{"target":""}',
    '{"target":1}',
    '{"target":"t","enc":"A256KW"}',
    '{"target":"t","enc":"toString"}',
    '{"target":"t","nonce":1}',
    '{"target":"t","target":"u"}',
    JSON.stringify({ target: 't', nonce: 'n'.repeat(1025) }),
  ])('refuses %s', (body) => {
    expect(() => parseReleaseRequest(body)).toThrow(expect.objectContaining({ code: 'RELEASE_REQUEST_INVALID' }));
  });
});

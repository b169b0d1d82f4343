import { damagedText, refusedOnlyWith } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseCompactJwt } from '../../src/azure/jwt.ts';

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('parseCompactJwt', () => {
  it('takes every token apart into what it was made of', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(object, object, fc.uint8Array(), (header, payload, signature) => {
        const signingInput = `${part(header)}.${part(payload)}`;
        const jwt = parseCompactJwt(`${signingInput}.${Buffer.from(signature).toString('base64url')}`);
        expect(JSON.stringify([jwt.header, jwt.payload])).toBe(JSON.stringify([header, payload]));
        expect([jwt.signature, jwt.signingInput]).toEqual([signature, signingInput]);
      }),
    );
  });

  it('refuses everything else as malformed', () => {
    const valid = `${part({ alg: 'RS256' })}.${part({ aud: ['a'], exp: 1 })}.${Buffer.alloc(20).toString('base64url')}`;
    fc.assert(
      fc.property(damagedText(valid), (text) => {
        refusedOnlyWith(['ACCESS_TOKEN_MALFORMED'], () => parseCompactJwt(text));
      }),
    );
  });
});

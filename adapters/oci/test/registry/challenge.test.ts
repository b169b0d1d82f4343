import fc from 'fast-check';
import { describe, test } from 'vitest';

import { parseChallenge } from '../../src/registry/challenge.ts';

describe('parseChallenge', () => {
  test.for([
    [undefined, undefined],
    ['', undefined],
    ['Basic', { kind: 'basic' }],
    ['Basic realm="a, b"', { kind: 'basic' }],
    ['Negotiate', undefined],
    ['Bearer service="x"', undefined],
    ['bearer realm=https', { kind: 'bearer', realm: 'https' }],
    [
      'Bearer realm="https://a/t",service="s",scope="repository:a:pull,push"',
      { kind: 'bearer', realm: 'https://a/t', service: 's', scope: 'repository:a:pull,push' },
    ],
    ['Basic realm="x", Bearer realm="https://a/t"', { kind: 'bearer', realm: 'https://a/t' }],
    ['Bearer realm="q\\"uote"', { kind: 'bearer', realm: 'q"uote' }],
    ['Bearer realm="open', undefined],
  ] as const)('reads %j', ([header, expected], { expect }) => {
    expect(parseChallenge(header)).toEqual(expected);
  });

  test('ends for any header', ({ expect }) => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('Bearer', 'Basic', ' ', ',', '=', '"', '\\', 'realm', 'é')), (parts) => {
        const challenge = parseChallenge(parts.join(''));
        expect([undefined, 'basic', 'bearer']).toContain(challenge?.kind);
      }),
    );
  });
});

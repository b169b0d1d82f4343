import { describe, expect, it } from 'vitest';

import { checkTokenLifetimes } from '../../src/tokens/token-lifetimes.ts';
import { thrownBy } from '../operator-vectors.ts';

describe('checkTokenLifetimes', () => {
  it('accepts equal lifetimes', () => {
    expect(checkTokenLifetimes({ identitySeconds: 5, refreshSeconds: 5, refreshAfterSeconds: 5 })).toBeUndefined();
  });

  it.each([
    ['an identity that outlives its refresh', { identitySeconds: 6, refreshSeconds: 5, refreshAfterSeconds: 1 }],
    ['a refresh after the identity ended', { identitySeconds: 4, refreshSeconds: 5, refreshAfterSeconds: 5 }],
    ['a refresh after the refresh token ended', { identitySeconds: 4, refreshSeconds: 4, refreshAfterSeconds: 5 }],
  ])('refuses %s', (_name, lifetimes) => {
    expect(thrownBy(() => checkTokenLifetimes(lifetimes))).toMatchObject({ code: 'TOKEN_LIFETIMES_INVALID' });
  });
});

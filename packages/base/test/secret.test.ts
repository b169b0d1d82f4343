import { inspect } from 'node:util';

import { expect, it } from 'vitest';

import { Secret } from '../src/index.ts';

it('Secret shows its value to nobody but reveal()', () => {
  const secret = new Secret('canary');
  expect(secret.reveal()).toBe('canary');
  expect([`${secret}`, JSON.stringify({ secret }), inspect({ secret })].join()).not.toContain('canary');
});

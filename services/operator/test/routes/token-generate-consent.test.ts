import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import { errorText, sample, World } from '../world.ts';
import type { Reply } from '../world.ts';

interface TcfVector {
  readonly tcf_consent_string: string;
  readonly vendor_id: number;
  readonly result: 'sufficient' | 'insufficient' | 'invalid';
}

const PATH = '/v2/token/generate';
const COUNT = 'uid2_token_response_status_count_total';
const SUFFICIENT = 'CPehNtWPehNtWABAMBFRACBoALAAAEJAAIYgAKwAQAKgArABAAqAAA';
const INSUFFICIENT = 'CPehXK9PehXK9ABAMBFRACBoADAAAEJAAIYgAKwAQAKgArABAAqAAA';
const INVALID = [400, errorText('client_error', 'User consent is invalid')];

const vectors = loadVectors('uid2-operator.json') as
  | { readonly groups: { readonly tcf: readonly TcfVector[] } }
  | undefined;

const euid = (): World => new World({ identityScope: 'euid' });

async function generate(world: World, consent: unknown): Promise<Reply> {
  return world.call(PATH, { email: 'user@example.com', tcf_consent_string: consent });
}

describe.skipIf(vectors === undefined)('token generate with consent, known answers', () => {
  it('answers every known consent string as the reference does', async () => {
    const cases = vectors?.groups.tcf ?? [];
    expect(cases.length).toBeGreaterThan(0);
    for (const { tcf_consent_string: text, vendor_id: tcfVendorId, result } of cases) {
      const answer = await generate(new World({ identityScope: 'euid', tcfVendorId }), text);
      if (result === 'invalid') expect([answer.status, answer.text]).toEqual(INVALID);
      else {
        const status = result === 'sufficient' ? 'success' : 'insufficient_user_consent';
        expect([text, answer.json?.['status']]).toEqual([text, status]);
      }
    }
  });
});

describe('token generate with consent', () => {
  it('insufficient consent is no error: an encrypted status without body', async () => {
    const world = euid();
    const answer = await generate(world, INSUFFICIENT);
    expect([answer.status, answer.json]).toEqual([200, { status: 'insufficient_user_consent' }]);
    expect(await sample(world, COUNT, { token_response_status: 'InsufficientUserConsent' })).toBe(1);
  });

  it('consent that cannot be read does not count as given', async () => {
    for (const consent of [null, '', 'no consent', 5, {}]) {
      const answer = await generate(euid(), consent);
      expect([answer.status, answer.text]).toEqual(INVALID);
    }
  });

  it('consent counts for the configured vendor only', async () => {
    const world = new World({ identityScope: 'euid', tcfVendorId: 22 });
    expect((await generate(world, SUFFICIENT)).json?.['status']).toBe('insufficient_user_consent');
  });

  it('a string of version 1 is a failure of the server', async () => {
    const world = euid();
    const version1 = Buffer.alloc(40);
    version1[0] = 1 << 2;
    const answer = await generate(world, version1.toString('base64url'));
    expect([answer.status, answer.text]).toEqual([
      500,
      errorText('unknown', 'Unknown error while generating token v2'),
    ]);
    expect(await sample(world, COUNT, { token_response_status: 'MissingParams' })).toBe(1);
  });

  it('a bad identifier is told before bad consent', async () => {
    const answer = await euid().call(PATH, { email: 'nonsense', tcf_consent_string: '' });
    expect(answer.text).toBe(errorText('client_error', 'Invalid Identifier'));
  });

  it('opt-out outweighs consent', async () => {
    const world = euid();
    expect((await world.call(PATH, { email: 'optout@example.com', tcf_consent_string: SUFFICIENT })).json).toEqual({
      status: 'optout',
    });
  });

  it('requests with a consent string are counted; UID2 operators and other endpoints do not look at it', async () => {
    const world = euid();
    await generate(world, SUFFICIENT);
    await generate(world, '');
    await world.call(PATH, { email: 'user@example.com' });
    await world.call('/v2/identity/map', { email: ['user@example.com'], tcf_consent_string: '' });
    expect(await sample(world, 'uid2_token_generate_tcf_usage_total', { api_contact: 'contact-0' })).toBe(2);
    const uid2 = new World();
    expect((await generate(uid2, '')).json?.['status']).toBe('success');
    expect(await uid2.metricsText()).not.toContain('uid2_token_generate_tcf_usage_total{');
  });
});

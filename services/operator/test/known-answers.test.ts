import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';

import { loadVectors } from '@holdfast/base/testing';
import type { JsonObject } from '@holdfast/uid2';
import { describe, expect, it } from 'vitest';

import { bodyOf, FIRST_LEVEL_SALT, SITE, World } from './world.ts';

interface GenerateVector {
  readonly identity: string;
  readonly identity_type: 'Email' | 'Phone';
  readonly site_id: number;
  readonly now_ms: number;
  readonly response_json: JsonObject;
}

interface MapVector {
  readonly scope: 'UID2' | 'EUID';
  readonly identity_v3: boolean;
  readonly environment: string;
  readonly as_of_ms: number;
  readonly identity: string;
  readonly identity_type: 'Email' | 'Phone';
  readonly v2_response?: JsonObject;
  readonly v3_response?: JsonObject;
}

interface EnvelopeVector {
  readonly request_timestamp_minus_now_ms: number;
  readonly accepted: boolean;
}

interface Vectors {
  readonly groups: {
    readonly token_generate_end_to_end: readonly GenerateVector[];
    readonly identity_map: readonly MapVector[];
    readonly request_envelope_clock: readonly EnvelopeVector[];
  };
}

const vectors = loadVectors('uid2-operator.json') as Vectors | undefined;
const kindOf = (type: 'Email' | 'Phone') => (type === 'Email' ? 'email' : 'phone');

describe.skipIf(vectors === undefined)('known answers over HTTP', () => {
  const groups = vectors?.groups;

  it('token generate makes the known tokens from the known randomness', async () => {
    const cases = groups?.token_generate_end_to_end ?? [];
    expect(cases.length).toBeGreaterThan(0);
    for (const vector of cases) {
      const world = new World();
      world.nowMs = vector.now_ms;
      // Initialisation vectors of site, master and refresh layer, then response key and wrapper.
      const sequence = [0x00, 0x10, 0x20, 0x64, 0x30];
      let next = 0;
      world.random = (length) => {
        const start = sequence[next];
        next += 1;
        return start === undefined ? randomBytes(length) : Uint8Array.from({ length }, (_, index) => start + index);
      };
      const client = vector.site_id === SITE ? world.client : world.addClient({ siteId: vector.site_id });
      const answer = await world.call(
        '/v2/token/generate',
        { [kindOf(vector.identity_type)]: vector.identity },
        { client },
      );
      expect(answer.json).toEqual(vector.response_json);
    }
  });

  it('identity map gives the known raw UIDs, buckets, previous raw UIDs and refresh times', async () => {
    const cases = (groups?.identity_map ?? []).filter((vector) => vector.environment === 'TEST');
    expect(cases.length).toBeGreaterThan(0);
    for (const vector of cases) {
      const world = new World({
        identityScope: vector.scope === 'UID2' ? 'uid2' : 'euid',
        identityV3: vector.identity_v3,
      });
      world.nowMs = vector.as_of_ms;
      const payload = { [kindOf(vector.identity_type)]: [vector.identity] };
      if (vector.v2_response !== undefined) {
        expect(bodyOf(await world.call('/v2/identity/map', payload))['mapped']).toEqual([vector.v2_response]);
      }
      if (vector.v3_response !== undefined) {
        const body = bodyOf(await world.call('/v3/identity/map', payload));
        expect(body[kindOf(vector.identity_type)]).toEqual([vector.v3_response]);
      }
    }
  });

  it('the clock window lets in exactly what it should', async () => {
    const world = new World();
    for (const vector of groups?.request_envelope_clock ?? []) {
      const answer = await world.call(
        '/v2/token/generate',
        { email: 'test@uid2.com' },
        { callerNowMs: world.nowMs + vector.request_timestamp_minus_now_ms },
      );
      expect([vector.request_timestamp_minus_now_ms, answer.status === 200]).toEqual([
        vector.request_timestamp_minus_now_ms,
        vector.accepted,
      ]);
    }
  });

  it('the salts of this world are those of the known answers', () => {
    expect(Buffer.from(FIRST_LEVEL_SALT, 'base64')).toHaveLength(32);
  });
});

import { toBase64 } from '@holdfast/base';
import { damagedJson } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { signLocations } from '../src/metadata/sign-locations.ts';
import { createWorld, operatorSpki, postAttest } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(async () => world.close());

const VALID = {
  attestation_request: 'AA==',
  public_key: operatorSpki,
  application_name: 'uid2-operator',
  application_version: '5',
  operator_type: 'private',
  components: { 'uid2-shared': '11' },
};

describe('POST /attest', () => {
  it.each(['private', 'azure'])(
    'answers every body of the %s operator with a status word, or with the bare text of a failure',
    async (name) => {
      await fc.assert(
        fc.asyncProperty(damagedJson(VALID), async (body) => {
          const { status, text, json } = await postAttest(world, world.keys[name], body);
          expect([200, 400, 403, 500]).toContain(status);
          if (status === 500 && json === undefined) expect(text).toBe('Internal Server Error');
          else expect(typeof json.status).toBe('string');
          // Evidence this small is none: only an operator that is trusted without evidence may be let in.
          if (name === 'azure') expect(status).not.toBe(200);
        }),
        { numRuns: 150 },
      );
    },
  );

  it('refuses evidence of arbitrary bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (evidence) => {
        const body = JSON.stringify({ ...VALID, attestation_request: toBase64(evidence) });
        const { status } = await postAttest(world, world.keys['azure'], body);
        expect([403, 500]).toContain(status);
      }),
      { numRuns: 100 },
    );
  });
});

describe('signLocations', () => {
  it('signs every location of damaged metadata, or refuses it as malformed', async () => {
    const valid = { version: 1, salts: [{ location: 'a', size: 1 }, { location: 'b' }], other: { location: 'c' } };
    await fc.assert(
      fc.asyncProperty(damagedJson(valid), async (text) => {
        let signed: unknown;
        try {
          signed = await signLocations(text, 'salts', async (location) => `signed ${location}`);
        } catch (error) {
          expect(error).toMatchObject({ code: 'CORE_METADATA_MALFORMED' });
          return;
        }
        const { salts } = signed as { salts: { location: string } | { location: string }[] };
        for (const { location } of Array.isArray(salts) ? salts : [salts]) expect(location).toMatch(/^signed /);
      }),
    );
  });
});

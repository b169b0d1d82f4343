import type { JsonObject } from '@holdfast/uid2';
import { describe, expect, it } from 'vitest';

import { clientSideWorld, site } from '../client-side-world.ts';
import { bodyOf, errorText, keyset, keysetKey, keysetSnapshot, NOW_MS, SITE, World } from '../world.ts';
import type { Reply } from '../world.ts';

const MASTER = 9_999_999;

/** Sites 501 to 504 own keysets with every kind of access rule. */
function worldWithRules(): World {
  const world = new World();
  world.keysets = keysetSnapshot(
    [
      keyset(501, 501, { allowedSites: new Set([SITE]) }),
      keyset(502, 502, { allowedSites: new Set() }),
      keyset(503, 503, { allowedSites: undefined }),
      keyset(504, 504, { allowedSites: new Set([SITE]), enabled: false }),
    ],
    [
      keysetKey(1504, 504),
      keysetKey(1503, 503),
      keysetKey(1502, 502),
      keysetKey(1501, 501, { expiresSeconds: 1_700_000_000 }),
      keysetKey(1601, 501, { activatesSeconds: 2_000_000_000 }),
      keysetKey(1999, 999),
    ],
  );
  return world;
}

function keysOf(answer: Reply): readonly JsonObject[] {
  return bodyOf(answer)['keys'] as readonly JsonObject[];
}

describe('key sharing', () => {
  it('describes caller and keys as SDKs read them', async () => {
    const world = new World();
    const body = bodyOf(await world.call('/v2/key/sharing', undefined));
    expect(body).toEqual({
      caller_site_id: SITE,
      master_keyset_id: MASTER,
      default_keyset_id: SITE,
      token_expiry_seconds: '7200',
      max_sharing_lifetime_seconds: 7210,
      identity_scope: 'UID2',
      allow_clock_skew_seconds: 1800,
      keys: [
        expect.objectContaining({ id: 101, keyset_id: MASTER }),
        expect.not.objectContaining({ keyset_id: expect.anything() }),
        {
          id: 104,
          keyset_id: SITE,
          created: 1_617_149_276,
          activates: 1_618_359_276,
          expires: 4_102_444_800,
          secret: 'bVZZOwCuO0fUf2P6CrwaY23erMErVQiMkGgpy2OMSxc=',
        },
      ],
    });
  });

  it('token_expiry_seconds is a string and master keyset is 9999999', async () => {
    const body = bodyOf(await new World().call('/v2/key/sharing', {}));
    expect([body['token_expiry_seconds'], body['master_keyset_id']]).toEqual(['7200', MASTER]);
  });

  it('adds ten seconds to the sharing lifetime, which only sharers get', async () => {
    const world = new World();
    world.runtime = { ...world.runtime, maxSharingLifetimeSeconds: 100 };
    expect(bodyOf(await world.call('/v2/key/sharing', {}))['max_sharing_lifetime_seconds']).toBe(110);
    const reader = world.addClient({ roles: ['ID_READER'] });
    const body = bodyOf(await world.call('/v2/key/sharing', {}, { client: reader }));
    expect(Object.keys(body)).not.toContain('max_sharing_lifetime_seconds');
  });

  it('leaves the default keyset out when the site has none, and warns about a sharer', async () => {
    const world = new World();
    const client = world.addClient({ siteId: 777, roles: ['SHARER'] });
    expect(Object.keys(bodyOf(await world.call('/v2/key/sharing', {}, { client })))).not.toContain('default_keyset_id');
    expect(world.logLines.join('')).toContain('a sharer has no default keyset');
  });

  it('EUID operators say so, and the configured clock skew is shown', async () => {
    const world = new World({ identityScope: 'euid', allowClockSkewSeconds: 5 });
    expect(bodyOf(await world.call('/v2/key/sharing', {}))).toMatchObject({
      identity_scope: 'EUID',
      allow_clock_skew_seconds: 5,
    });
  });

  it('never has site data while client-side generation is off', async () => {
    expect(Object.keys(bodyOf(await new World().call('/v2/key/sharing', {})))).not.toContain('site_data');
  });
});

describe('site data', () => {
  /** Sites 2 and 501 own keys the caller may read, 502 owns one it may not, and 503 has nothing to show. */
  function worldWithSites(shareAppNames: boolean): World {
    const world = clientSideWorld({ shareAppNames });
    world.keysets = keysetSnapshot(
      [
        keyset(501, 501),
        keyset(502, 502, { allowedSites: new Set() }),
        keyset(503, 503),
        keyset(504, 2, { isDefault: false }),
      ],
      // The key of the site with the highest number comes first.
      [keysetKey(90, 503), keysetKey(91, 501), keysetKey(92, 502), keysetKey(93, 504)],
    );
    world.sites = [
      site(502),
      site(503, { domainNames: [], appNames: ['only.app'] }),
      site(501, { domainNames: ['z.com', 'a.com', 'z.com'], appNames: ['m.app', 'a.com'], enabled: false }),
      site(2, { domainNames: ['two.com'], appNames: [] }),
    ];
    return world;
  }

  it.for(['/v2/key/sharing', '/v2/key/bidstream'])(
    '%s names the domains of sites whose keys it gives',
    async (path) => {
      expect(bodyOf(await worldWithSites(false).call(path, {}))['site_data']).toEqual([
        { id: 2, domain_names: ['two.com'] },
        { id: 501, domain_names: ['a.com', 'z.com'] },
      ]);
    },
  );

  it('app names stand among the domain names where that is configured', async () => {
    expect(bodyOf(await worldWithSites(true).call('/v2/key/sharing', {}))['site_data']).toEqual([
      { id: 2, domain_names: ['two.com'] },
      { id: 501, domain_names: ['a.com', 'm.app', 'z.com'] },
      { id: 503, domain_names: ['only.app'] },
    ]);
  });

  it('is an empty list when no site has anything to show', async () => {
    const world = clientSideWorld();
    world.sites = [];
    expect(bodyOf(await world.call('/v2/key/bidstream', {}))['site_data']).toEqual([]);
  });

  it('key latest never has it', async () => {
    expect(Array.isArray((await worldWithSites(true).call('/v2/key/latest', {})).json?.['body'])).toBe(true);
  });
});

describe('key access', () => {
  it('an ID_READER gets open keysets and those that name its site, without regard to time, by ascending id', async () => {
    const world = worldWithRules();
    const client = world.addClient({ roles: ['ID_READER'] });
    const keys = keysOf(await world.call('/v2/key/sharing', {}, { client }));
    expect(keys.map((key) => key['id'])).toEqual([101, 103, 104, 1501, 1503, 1601]);
  });

  it('a sharer gets nothing from a missing list but its own', async () => {
    const world = worldWithRules();
    const client = world.addClient({ roles: ['SHARER'] });
    const keys = keysOf(await world.call('/v2/key/sharing', {}, { client }));
    expect(keys.map((key) => key['id'])).toEqual([101, 104, 1501, 1601]);
  });

  it('refresh keys never leave', async () => {
    const world = worldWithRules();
    for (const path of ['/v2/key/sharing', '/v2/key/bidstream']) {
      expect(keysOf(await world.call(path, {})).map((key) => key['id'])).not.toContain(102);
    }
    expect((await world.call('/v2/key/latest', {})).json?.['body']).not.toContainEqual(
      expect.objectContaining({ id: 102 }),
    );
  });
});

describe('key bidstream', () => {
  it('has lifetime with ten seconds more and keys without keyset', async () => {
    const body = bodyOf(await new World().call('/v2/key/bidstream', undefined));
    expect(Object.keys(body)).toEqual([
      'max_bidstream_lifetime_seconds',
      'identity_scope',
      'allow_clock_skew_seconds',
      'keys',
    ]);
    expect(body['max_bidstream_lifetime_seconds']).toBe(3610);
    for (const key of body['keys'] as JsonObject[]) {
      expect(Object.keys(key)).toEqual(['id', 'created', 'activates', 'expires', 'secret']);
    }
  });
});

describe('key latest', () => {
  it('is an array with the site of every key', async () => {
    const answer = await new World().call('/v2/key/latest', undefined);
    const keys = answer.json?.['body'] as JsonObject[];
    expect(keys.map((key) => [key['id'], key['site_id']])).toEqual([
      [101, -1],
      [103, 2],
      [104, SITE],
    ]);
  });

  it.each([2, 1, 0, -1])('refuses reserved site %i', async (siteId) => {
    const world = new World();
    const answer = await world.call('/v2/key/latest', {}, { client: world.addClient({ siteId }) });
    expect([answer.status, answer.contentType, answer.text]).toEqual([
      401,
      'application/json',
      errorText('invalid_client', `Unexpected client site id ${siteId}`),
    ]);
  });
});

describe.each(['/v2/key/sharing', '/v2/key/bidstream'])('%s', (path) => {
  it.each([
    [
      'no active master key',
      () => keysetSnapshot([], [keysetKey(1, -1, { expiresSeconds: NOW_MS / 1000 })], (id) => id !== 101),
    ],
    ['two default keysets of the caller’s site', () => keysetSnapshot([keyset(900, SITE)])],
  ])('%s gives the bare 500', async (_name, snapshot) => {
    const world = new World();
    world.keysets = snapshot();
    const answer = await world.call(path, {});
    expect([answer.status, answer.contentType, answer.text]).toEqual([500, undefined, 'Internal Server Error']);
  });
});

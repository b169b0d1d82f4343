import { toBase64, toHex, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { firstLevelHash, hashDii } from '../../src/identity/identity-hash.ts';
import type { IdentityEnvironment } from '../../src/identity/identity.ts';
import { writeBase64Of32 } from '../../src/raw-uid/base64-of-32.ts';
import { rawUidV4 } from '../../src/raw-uid/raw-uid-v4.ts';
import { mapIdentity, previousRawUid, rawUid, refreshFrom, type RawUidOptions } from '../../src/raw-uid/raw-uid.ts';
import { lowerScope, lowerType, thrownBy, vectorGroup, vectorsMissing } from '../operator-vectors.ts';
import { SALT_FIXTURE, saltTable } from '../salt-fixture.ts';

interface RawUidVector {
  version: 2 | 3 | 4;
  scope?: 'UID2' | 'EUID';
  environment?: 'TEST' | 'INTEG' | 'PROD';
  identity: string;
  identity_type?: 'Email' | 'Phone';
  first_level_salt: string;
  rotating_salt?: string;
  key_id?: number;
  key?: string;
  key_salt?: string;
  metadata_hex?: string;
  iv_hex?: string;
  ciphertext_hex?: string;
  checksum_hex?: string;
  first_level_hash_hex?: string;
  raw_uid_hex?: string;
  raw_uid_b64: string;
}

interface MapVector {
  scope: 'UID2' | 'EUID';
  identity_v3: boolean;
  environment: 'TEST';
  as_of_ms: number;
  identity: string;
  identity_type: 'Email' | 'Phone';
  salt_id: number;
  v2_response: { identifier: string; advertising_id: string; bucket_id: string };
  v3_response: { u: string; p: string | null; r: number };
}

const OPTIONS: RawUidOptions = { scope: 'uid2', type: 'email', environment: 'test', identityV3: false };
const FLH = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
const DAY = 86_400_000;

function optionsOf(vector: RawUidVector): RawUidOptions {
  return {
    scope: lowerScope(vector.scope ?? 'UID2'),
    type: lowerType(vector.identity_type ?? 'Email'),
    environment: (vector.environment ?? 'TEST').toLowerCase() as IdentityEnvironment,
    identityV3: vector.version === 3,
  };
}

function flhOf(vector: RawUidVector): Uint8Array {
  const hashed = hashDii(lowerType(vector.identity_type ?? 'Email'), vector.identity);
  return firstLevelHash(hashed?.hash ?? new Uint8Array(), vector.first_level_salt);
}

describe.skipIf(vectorsMissing)('known answers', () => {
  it.each(vectorGroup<RawUidVector>('raw_uid'))('version $version of $identity is $raw_uid_b64', (vector) => {
    const flh = flhOf(vector);
    if (vector.first_level_hash_hex !== undefined) expect(toHex(flh)).toBe(vector.first_level_hash_hex);
    const line = `1,0,${vector.rotating_salt ?? ''},0,,${vector.key_id ?? ''},${vector.key ?? ''},${vector.key_salt ?? ''},,,`;
    const table = saltTable([line]);
    const uid = rawUid(table, 0, flh, optionsOf(vector));
    expect(toBase64(uid)).toBe(vector.raw_uid_b64);
    expect(uid).toHaveLength(vector.version === 2 ? 32 : 33);
    if (vector.raw_uid_hex === undefined) return;
    expect(toHex(uid)).toBe(vector.raw_uid_hex);
    expect(toHex(uid.subarray(0, 1))).toBe(vector.metadata_hex);
    expect(toHex(uid.subarray(4, 16))).toBe(vector.iv_hex);
    expect(toHex(uid.subarray(16, 32))).toBe(vector.ciphertext_hex);
    expect(toHex(uid.subarray(32))).toBe(vector.checksum_hex);
  });

  it.each(
    vectorGroup<{
      scope: 'UID2' | 'EUID';
      identity_type: 'Email' | 'Phone';
      environment: 'TEST' | 'INTEG' | 'PROD';
      metadata_hex: string;
    }>('v4_metadata_byte'),
  )('metadata of $scope $identity_type $environment is $metadata_hex', (vector) => {
    const table = saltTable(SALT_FIXTURE.lines.slice(3, 4));
    const uid = rawUid(table, 0, FLH, {
      scope: lowerScope(vector.scope),
      type: lowerType(vector.identity_type),
      environment: vector.environment.toLowerCase() as IdentityEnvironment,
      identityV3: false,
    });
    expect(toHex(uid.subarray(0, 1))).toBe(vector.metadata_hex);
  });

  const world = saltTable(SALT_FIXTURE.lines);
  it.each(vectorGroup<MapVector>('identity_map'))('$scope maps $identity to $v2_response.advertising_id', (vector) => {
    const type = lowerType(vector.identity_type);
    const options: RawUidOptions = {
      scope: lowerScope(vector.scope),
      type,
      environment: vector.environment.toLowerCase() as IdentityEnvironment,
      identityV3: vector.identity_v3,
    };
    const hashed = hashDii(type, vector.identity);
    const flh = firstLevelHash(hashed?.hash ?? new Uint8Array(), SALT_FIXTURE.firstLevelSalt);
    const mapped = mapIdentity(world, flh, options, vector.as_of_ms);
    expect({
      salt_id: world.id(mapped.bucketIndex),
      v2: {
        identifier: vector.identity,
        advertising_id: toBase64(mapped.rawUid),
        bucket_id: world.bucketId(mapped.bucketIndex),
      },
      v3: {
        u: toBase64(mapped.rawUid),
        p: mapped.previousRawUid === undefined ? null : toBase64(mapped.previousRawUid),
        r: Math.trunc(mapped.refreshFromMs / 1000),
      },
    }).toEqual({ salt_id: vector.salt_id, v2: vector.v2_response, v3: vector.v3_response });
  });

  it.each(
    vectorGroup<{ age_ms: number; previous_salt_present: boolean; previous_uid_returned: boolean }>(
      'previous_uid_window',
    ),
  )('previousRawUid at the age of $age_ms ms', (vector) => {
    const table = saltTable([`1,1000,current,0,${vector.previous_salt_present ? 'previous' : ''},,,,`]);
    const uid = previousRawUid(table, 0, FLH, OPTIONS, 1000 + vector.age_ms);
    expect(uid !== undefined).toBe(vector.previous_uid_returned);
  });

  it.each(vectorGroup<{ as_of_ms: number; entry_refresh_from_ms: number; returned_ms: number }>('refresh_from'))(
    'refreshFrom $entry_refresh_from_ms at $as_of_ms',
    (vector) => {
      const table = saltTable([`1,0,salt,${vector.entry_refresh_from_ms},,,,,`]);
      expect(refreshFrom(table, 0, vector.as_of_ms)).toBe(vector.returned_ms);
    },
  );
});

describe('rawUid', () => {
  it('hashes salts of any length and beyond ASCII as their UTF-8 text', () => {
    for (const salt of ['s', 'ß'.repeat(20), 'x'.repeat(255)]) {
      const uid = rawUid(saltTable([`1,0,${salt},0,,,,,`]), 0, FLH, OPTIONS);
      expect(toBase64(uid)).toBe(toBase64(firstLevelHash(FLH, salt)));
    }
  });

  it('prefers a salt to key material', () => {
    const both = saltTable([`1,0,salt,0,,5,${'k'.repeat(32)},s,,,`]);
    expect(rawUid(both, 0, FLH, OPTIONS)).toEqual(rawUid(saltTable(['1,0,salt,0,,,,,']), 0, FLH, OPTIONS));
  });

  it.each([
    ['neither salt nor key', '1,0,,0,old,,,,,,'],
    ['a key without a key salt', `1,0,,0,,5,${'k'.repeat(32)},,,,`],
    ['a key that is no AES-256 key', '1,0,,0,,5,short,salt,,,'],
  ])('refuses a bucket with %s', (_name, line) => {
    expect(thrownBy(() => rawUid(saltTable([line]), 0, FLH, OPTIONS))).toMatchObject({ code: 'SALT_ENTRY_UNUSABLE' });
  });

  it('refuses a hole', () => {
    const table = saltTable(['1,0,salt,0,,,,,'], 2);
    for (const map of [rawUid, previousRawUid]) {
      expect(thrownBy(() => map(table, 1, FLH, OPTIONS, 0))).toMatchObject({ code: 'SALT_ENTRY_UNUSABLE' });
    }
  });
});

describe('previousRawUid', () => {
  const key = `9,${'k'.repeat(32)},salt`;

  it('prefers a previous salt to previous key material', () => {
    const table = saltTable([`1,0,now,0,then,,,,${key}`]);
    expect(previousRawUid(table, 0, FLH, OPTIONS, 1)).toEqual(rawUid(saltTable(['1,0,then,0,,,,,']), 0, FLH, OPTIONS));
  });

  it('chooses its version independently of the current one', () => {
    const table = saltTable([`1,0,now,0,,,,,${key}`]);
    expect(rawUid(table, 0, FLH, OPTIONS)).toHaveLength(32);
    expect(previousRawUid(table, 0, FLH, OPTIONS, 1)).toHaveLength(33);
  });

  it('has none from key material that lacks its salt', () => {
    const table = saltTable([`1,0,now,0,,,,,9,${'k'.repeat(32)},`]);
    expect(previousRawUid(table, 0, FLH, OPTIONS, 1)).toBeUndefined();
  });

  it('counts buckets updated in the future as young', () => {
    const table = saltTable([`1,${1000 * DAY},now,0,then,,,,`]);
    expect(previousRawUid(table, 0, FLH, OPTIONS, 0)).toHaveLength(32);
  });
});

describe('refreshFrom', () => {
  it('is the midnight after now, also at midnight', () => {
    const table = saltTable(['1,0,salt,5,,,,,']);
    expect(refreshFrom(table, 0, 10 * DAY)).toBe(11 * DAY);
    expect(refreshFrom(table, 0, 10 * DAY - 1)).toBe(10 * DAY);
  });
});

describe('rawUidV4', () => {
  it('writes the key id as 24 bits and ends in the XOR of all other bytes', () => {
    const material = { id: 0x01_02_03, key: toUtf8('k'.repeat(32)), salt: toUtf8('salt') };
    const uid = rawUidV4(0xa0, material, FLH);
    expect(toHex(uid.subarray(0, 4))).toBe('a0010203');
    expect(uid.reduce((sum, byte) => sum ^ byte, 0)).toBe(0);
  });
});

describe('writeBase64Of32', () => {
  it('writes what the standard encoder writes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const out = new Uint8Array(50);
        writeBase64Of32(bytes, out);
        expect(toHex(out)).toBe(`${toHex(toUtf8(toBase64(bytes)))}000000000000`);
      }),
    );
  });
});

import { equalBytes, fromBase64, fromHex, toUtf8 } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import {
  apiKeyBody,
  apiKeyId,
  generateApiKey,
  hashApiKey,
  saltApiKey,
  siteIdOfApiKey,
} from '../../src/api-keys/api-key.ts';
import { fixedBytes, seededBytes } from '../fixed-random.ts';
import { coreVector, hasVectors, operatorGroup } from '../uid2-vectors.ts';

interface HashCase {
  readonly key: string;
  readonly key_salt?: string;
  readonly salt_b64?: string;
  readonly salt_utf8?: string;
  readonly key_hash?: string;
  readonly sha512_b64?: string;
  readonly key_id?: string;
  readonly site_id_from_key?: number | null;
  readonly site_id_from_key_pattern?: number | null;
}

const SEEDS = ['key-hash-operator-provider', 'seed-operators', 'seed-clients'] as const;

describe.skipIf(!hasVectors)('API keys, known answers', () => {
  const seeded = SEEDS.flatMap((id) => coreVector<{ cases?: HashCase[] }>(id).cases ?? []);

  it.each([...operatorGroup<HashCase>('api_key_hash'), ...seeded])('hashes, names and places $key', (entry) => {
    const salt = fromBase64(entry.key_salt ?? entry.salt_b64 ?? '');
    expect(hashApiKey(entry.key, salt)).toBe(entry.key_hash ?? entry.sha512_b64);
    const siteId = entry.site_id_from_key ?? entry.site_id_from_key_pattern;
    if (siteId !== undefined) expect(siteIdOfApiKey(entry.key)).toBe(siteId ?? undefined);
    if (entry.key_id !== undefined && siteId !== null && siteId !== undefined) {
      expect(apiKeyId(entry.key)).toBe(entry.key_id);
    }
    if (entry.salt_utf8 !== undefined) expect(equalBytes(toUtf8(entry.salt_utf8), salt)).toBe(true);
  });

  it('hashes with a text salt', () => {
    const entry = coreVector<{ key: string; salt_utf8: string; key_hash: string }>('key-hash-basic');
    expect(hashApiKey(entry.key, toUtf8(entry.salt_utf8))).toBe(entry.key_hash);
  });

  it.each(coreVector<{ cases?: { key: string; site_id: number | null }[] }>('key-site-id-extraction').cases ?? [])(
    'finds site $site_id in $key',
    ({ key, site_id: siteId }) => {
      expect(siteIdOfApiKey(key)).toBe(siteId ?? undefined);
    },
  );

  it.each(
    coreVector<{ cases?: { random_bytes: number; length: number; dot_index: number | null }[] }>('key-format').cases ??
      [],
  )(
    'makes a body of $length characters from $random_bytes bytes',
    ({ random_bytes: count, length, dot_index: dot }) => {
      const body = apiKeyBody(new Uint8Array(count));
      expect(body).toHaveLength(length);
      expect(body.indexOf('.')).toBe(dot ?? -1);
    },
  );

  it('makes the worked example', () => {
    const example = coreVector<Record<string, string>>('key-format-computed');
    const random = fixedBytes(fromHex(example['random_bytes_hex'] ?? ''));
    const of = { scope: 'uid2', environment: 'I', siteId: 42 } as const;
    expect(generateApiKey({ ...of, holder: 'operator' }, random)).toEqual({
      key: example['operator_key'],
      keyId: example['operator_key_id'],
    });
    expect(generateApiKey({ ...of, holder: 'client' }, random)).toEqual({
      key: example['client_key'],
      keyId: example['client_key_id'],
    });
    expect(siteIdOfApiKey(example['operator_key'] ?? '')).toBe(example['pattern_site_id']);
  });
});

describe('saltApiKey', () => {
  it('salts every key anew', () => {
    const random = seededBytes('salt');
    const first = saltApiKey('key', random);
    const second = saltApiKey('key', random);
    expect(first.keySalt).toHaveLength(32);
    expect(first.keyHash).toBe(hashApiKey('key', first.keySalt));
    expect(second.keyHash).not.toBe(first.keyHash);
  });
});

describe('siteIdOfApiKey', () => {
  it('answers quickly for a long text that almost matches', () => {
    expect(siteIdOfApiKey(`UID2-C-L-${'1'.repeat(8000)}`)).toBeUndefined();
    expect(siteIdOfApiKey('UID2-C-L-1-'.repeat(700))).toBeUndefined();
  });
});

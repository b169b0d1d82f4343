import { createPublicKey, createSecretKey } from 'node:crypto';

import { fromHex, fromUtf8, toUtf8 } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import {
  AuthorizableStore,
  createBucketIdEncoder,
  decryptCbc,
  parseClients,
  parseClientSideKeypairs,
  parseOperators,
  parseSaltFile,
  parseSaltMetadata,
  siteIdOfApiKey,
} from '../../src/index.ts';
import { SaltTableBuilder } from '../../src/salts/salt-table-builder.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';

const textOf = (bytes: Uint8Array | undefined): string | null => (bytes === undefined ? null : fromUtf8(bytes));

interface LineCase {
  readonly line: string;
  readonly id: number;
  readonly last_updated: number;
  readonly salt: string | null;
  readonly refresh_from: number;
  readonly previous_salt: string | null;
  readonly current_key: object | null;
  readonly previous_key: object | null;
}

interface SaltMetadataVector {
  readonly metadata: { readonly id_prefix: string; readonly id_secret: string; readonly salts: readonly object[] };
  readonly file_1670796729291: string;
}

interface SeedRecord {
  readonly key: string;
  readonly key_hash: string;
  readonly site_id: number;
}

/** Known answers about what Core publishes, as the reference's own tests and seeds have them. */
describe.skipIf(!hasVectors)('Core, known answers', () => {
  it('salt-line-parse', () => {
    const { cases } = coreVector<{ cases: readonly LineCase[] }>('salt-line-parse');
    for (const { line, ...expected } of cases) {
      const table = parseSaltFile(toUtf8(line), { size: 1, idPrefix: '', idSecret: '' });
      const keyOf = (key: ReturnType<typeof table.currentKey>): object | null =>
        key === undefined ? null : { id: key.id, key: fromUtf8(key.key), salt: textOf(key.salt) };
      const read = {
        id: table.id(0),
        last_updated: table.lastUpdated(0),
        salt: textOf(table.currentSalt(0)),
        refresh_from: table.refreshFrom(0),
        previous_salt: textOf(table.previousSalt(0)),
        current_key: keyOf(table.currentKey(0)),
        previous_key: keyOf(table.previousKey(0)),
      };
      expect([line, read]).toEqual([line, expected]);
    }
    expect(cases.length).toBeGreaterThan(0);
  });

  it('bucket-id', () => {
    const { cases } = coreVector<{
      cases: readonly { prefix: string; secret: string; ids: readonly [number, string][] }[];
    }>('bucket-id');
    for (const { prefix, secret, ids } of cases) {
      const encode = createBucketIdEncoder(prefix, secret);
      expect(ids.map(([id]) => [id, encode(id)])).toEqual(ids);
    }
    expect(cases.length).toBeGreaterThan(0);
  });

  it('salt-metadata', () => {
    const { metadata, file_1670796729291: file } = coreVector<SaltMetadataVector>('salt-metadata');
    const { idPrefix, idSecret, salts } = parseSaltMetadata(metadata, 0);
    expect(salts).toEqual(metadata.salts);
    const table = parseSaltFile(toUtf8(file), { size: salts[0]?.size ?? 0, idPrefix, idSecret });
    expect([table.id(0), table.id(1), table.bucketId(0)]).toEqual([1_000_000, 1_000_001, 'bKaoveQoPR']);
    expect(textOf(table.previousSalt(0))).toMatch(/^vgv1.*nsS=$/);
    expect(table.previousSalt(1)).toBeUndefined();
  });

  it('salt-index-million', () => {
    const { cases } = coreVector<{ cases: readonly { hash_hex: string; index: number }[] }>('salt-index-million');
    const table = new SaltTableBuilder({ size: 1_048_576, idPrefix: '', idSecret: '' }).finish();
    for (const { hash_hex: hash, index } of cases) expect([hash, table.indexOf(fromHex(hash))]).toEqual([hash, index]);
    expect(cases.length).toBeGreaterThan(0);
  });

  it('client-side-keypair', () => {
    const { prefix_length: prefix, ...keypair } = coreVector<Record<string, string> & { prefix_length: number }>(
      'client-side-keypair',
    );
    const record = { ...keypair, created: 1, disabled: false };
    const [parsed] = parseClientSideKeypairs(JSON.stringify([record]));
    expect(parsed?.publicKey).toBe(keypair['public_key']);
    const published = createPublicKey({
      key: Buffer.from((parsed?.publicKey ?? '').slice(prefix), 'base64'),
      format: 'der',
      type: 'spki',
    });
    expect(parsed === undefined ? undefined : createPublicKey(parsed.privateKey).equals(published)).toBe(true);
  });

  it('aes-cbc', () => {
    const vector = coreVector<{ key_hex: string; payload_hex: string; plaintext_utf8: string }>('aes-cbc');
    const plain = decryptCbc(createSecretKey(fromHex(vector.key_hex)), fromHex(vector.payload_hex));
    expect(fromUtf8(plain)).toBe(vector.plaintext_utf8);
  });

  it('e2e-seed-values: the keys that the end-to-end suite uses are those of the seeds', () => {
    const { env } = coreVector<{ env: Readonly<Record<string, string>> }>('e2e-seed-values');
    const clients = coreVector<{ cases: readonly SeedRecord[] }>('seed-clients').cases;
    const operators = coreVector<{ cases: readonly SeedRecord[] }>('seed-operators').cases;
    const clientStore = new AuthorizableStore();
    clientStore.replace(parseClients(JSON.stringify(clients)));
    const operatorStore = new AuthorizableStore();
    operatorStore.replace(parseOperators(JSON.stringify(operators)));
    const keys = Object.entries(env).filter(([, value]) => /^UID2-[CO]-/.test(value));
    for (const [name, key] of keys) {
      const store = key.startsWith('UID2-C-') ? clientStore : operatorStore;
      expect([name, store.find(key)?.siteId]).toEqual([name, siteIdOfApiKey(key)]);
    }
    expect(keys.length).toBeGreaterThan(4);
    const { public_key: publicKey } = coreVector<{ public_key: string }>('client-side-keypair');
    expect(env['UID2_OPERATOR_E2E_CSTG_SERVER_PUBLIC_KEY']).toBe(publicKey);
  });
});

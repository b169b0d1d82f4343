import { createHash, createSecretKey } from 'node:crypto';

import { fromBase64, fromHex, fromUtf8, PlatformError, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decryptCloudFile, encryptCloudFile } from '../../src/seed-files/encrypted-file.ts';
import { decryptGcm } from '../../src/tokens/gcm.ts';
import { fixedBytes, seededBytes } from '../fixed-random.ts';
import { coreVector, hasVectors, operatorGroup } from '../uid2-vectors.ts';

interface FileJson {
  readonly key_id: number;
  readonly encryption_version: string;
  readonly encrypted_payload: string;
}

interface CloudFileVector {
  readonly key_id?: number;
  readonly key_secret?: string;
  readonly secret_base64?: string;
  readonly envelope: FileJson;
  readonly plaintext_utf8: string;
  readonly plaintext_sha256?: string;
}

const FILES = ['keys_acl', 'clients', 'sites', 'salts', 'keysets', 'computed'].map((name) => `cloud-file-${name}`);

function keysOf(id: number, secret: Uint8Array): Map<number, { secret: ReturnType<typeof createSecretKey> }> {
  return new Map([[id, { secret: createSecretKey(secret) }]]);
}

function check(file: FileJson, secret: string, content: string): void {
  const keys = keysOf(file.key_id, fromBase64(secret));
  expect(fromUtf8(decryptCloudFile(JSON.stringify(file), keys, 'test'))).toBe(content);
  const key = { id: file.key_id, secret: createSecretKey(fromBase64(secret)) };
  const iv = fromBase64(file.encrypted_payload).subarray(0, 12);
  expect(JSON.parse(encryptCloudFile(toUtf8(content), key, fixedBytes(iv)))).toEqual(file);
}

describe.skipIf(!hasVectors)('encrypted store files, known answers', () => {
  it.each(operatorGroup<{ secret_b64: string; plaintext: string; file_json: FileJson }>('encrypted_cloud_file'))(
    'opens and makes the file of $plaintext',
    (entry) => {
      check(entry.file_json, entry.secret_b64, entry.plaintext);
    },
  );

  it.each(FILES)('opens and makes %s', (id) => {
    const vector = coreVector<CloudFileVector>(id);
    check(vector.envelope, vector.key_secret ?? vector.secret_base64 ?? '', vector.plaintext_utf8);
    if (vector.plaintext_sha256 !== undefined) {
      expect(createHash('sha256').update(vector.plaintext_utf8).digest('hex')).toBe(vector.plaintext_sha256);
    }
  });

  it('reads the payload layout of the reference', () => {
    const vector = coreVector<{ key_hex: string; payload_hex: string; plaintext_utf8: string }>('aes-gcm');
    const plain = decryptGcm(createSecretKey(fromHex(vector.key_hex)), fromHex(vector.payload_hex));
    expect(fromUtf8(plain)).toBe(vector.plaintext_utf8);
  });
});

describe('decryptCloudFile', () => {
  const secret = fromHex('33'.repeat(32));
  const keys = keysOf(5, secret);
  const key = { id: 5, secret: createSecretKey(secret) };
  const file = encryptCloudFile(toUtf8('[]'), key, seededBytes('file'));

  it('opens what encryptCloudFile makes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (content) => {
        const made = encryptCloudFile(content, key, seededBytes('file'));
        expect([...decryptCloudFile(made, keys, 'clients')]).toEqual([...content]);
      }),
    );
  });

  it('names key and store when the key is missing or does not fit', () => {
    expect(() => decryptCloudFile(file, new Map(), 'clients')).toThrow(
      expect.objectContaining({
        code: 'CLOUD_FILE_KEY_UNKNOWN',
        message: 'No matching key found for S3 file decryption - key_id=5 store=clients',
      }),
    );
    expect(() => decryptCloudFile(file, keysOf(5, fromHex('44'.repeat(32))), 'clients')).toThrow(
      expect.objectContaining({
        code: 'CLOUD_FILE_UNREADABLE',
        message: 'Internal decryption failure - key_id=5 store=clients',
      }),
    );
  });

  it.each(['', '[]', '{}', '{"key_id":5}', '{"encrypted_payload":""}', '{"key_id":"5","encrypted_payload":""}'])(
    'refuses %j as no encrypted file',
    (text) => {
      expect(() => decryptCloudFile(text, keys, 'clients')).toThrow(
        expect.objectContaining({ code: 'CLOUD_FILE_MALFORMED', message: 'Failed to parse JSON' }),
      );
    },
  );

  it('lets only our errors escape from every truncation', () => {
    for (let length = 0; length < file.trimEnd().length; length++) {
      expect(() => decryptCloudFile(file.slice(0, length), keys, 'clients')).toThrow(PlatformError);
    }
  });
});

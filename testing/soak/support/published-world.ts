import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';

import { toBase64 } from '@holdfast/base';
import { FakeCore } from '@holdfast/core-client/testing';
import {
  keyset,
  keysetKey,
  publishOptOutFiles,
  publishRuntimeConfig,
  publishStore,
  touchStore,
} from '@holdfast/operator/testing';
import { encodeDeltaFile, generateApiKey, saltApiKey } from '@holdfast/uid2';

const HOUR_MS = 3_600_000;
const SITE = 123;
const SECRET_BYTES = 32;
const HASH_BYTES = 32;
const random = (length: number): Uint8Array => randomBytes(length);

/** The member of each store's metadata that says where its content is. */
const STORE_MEMBERS = {
  '/clients/refresh': 'client_keys',
  '/key/keyset/refresh': 'keysets',
  '/key/keyset-keys/refresh': 'keyset_keys',
} as const;

export const FIRST_LEVEL_SALT = 'first-level';

export interface PublishedWorldOptions {
  /** When everything was published, ms. */
  readonly nowMs: number;
  readonly salts: number;
}

/** A small server in the place of Core and Opt-Out, and everything an operator reads from it. One client with every role. */
export class PublishedWorld {
  readonly core: FakeCore;
  /** The secret is Base64. */
  readonly client: { readonly apiKey: string; readonly secret: string };
  readonly #salts: number;
  readonly #deltas: string[] = [];

  private constructor(core: FakeCore, { nowMs, salts }: PublishedWorldOptions) {
    this.core = core;
    this.#salts = salts;
    core.expiresAtMs = nowMs + HOUR_MS;
    core.extras = { optout_url: core.url };
    const { key, keyId } = generateApiKey({ scope: 'uid2', holder: 'client', environment: 'T', siteId: SITE }, random);
    this.client = { apiKey: key, secret: toBase64(random(SECRET_BYTES)) };
    const { keySalt, keyHash } = saltApiKey(key, random);
    publishStore(core, '/clients/refresh', 'client_keys', [
      {
        key_hash: keyHash,
        key_salt: toBase64(keySalt),
        secret: this.client.secret,
        name: 'soak',
        contact: 'soak',
        created: 1,
        roles: ['GENERATOR', 'MAPPER', 'ID_READER', 'SHARER', 'OPTOUT'],
        site_id: SITE,
        disabled: false,
        key_id: keyId,
      },
    ]);
    const keysets = [-1, -2, 2, SITE];
    publishStore(core, '/key/keyset/refresh', 'keysets', keysets.map(keyset));
    publishStore(core, '/key/keyset-keys/refresh', 'keyset_keys', keysets.map(randomKey));
    this.publishSalts(nowMs, 1);
    publishRuntimeConfig(core);
    core.routes.set('/optout/replicate', () => ({ body: '1' }));
  }

  static async create(options: PublishedWorldOptions): Promise<PublishedWorld> {
    return new PublishedWorld(await FakeCore.start(), options);
  }

  /** Another snapshot with other salts, effective since the hour before. */
  publishSalts(nowMs: number, version: number): void {
    const location = `/files/salts.${version}`;
    this.core.json('/salt/refresh', {
      version,
      generated: 1,
      first_level: FIRST_LEVEL_SALT,
      id_prefix: 'b',
      id_secret: toBase64(new Uint8Array(SECRET_BYTES)),
      salts: [
        {
          effective: nowMs - HOUR_MS,
          expires: nowMs + 48 * HOUR_MS,
          location: `${this.core.url}${location}?sig=1`,
          size: this.#salts,
        },
      ],
    });
    this.core.routes.delete(`/files/salts.${version - 1}`);
    this.core.bytes(location, saltFile(this.#salts, nowMs));
  }

  /** One more delta file with these first-level hashes. */
  publishOptOuts(identityHashes: readonly Uint8Array[], nowMs: number): void {
    const records = identityHashes.map((identityHash) => ({
      identityHash,
      rawUid: identityHash,
      optedOutAt: Math.floor(nowMs / 1000) - 60,
    }));
    const number = String(this.#deltas.length).padStart(8, '0');
    const name = `/optout/delta/2026-01-01/optout-delta-000_2026-01-01T00.00.00Z_${number}.dat`;
    this.core.bytes(name, encodeDeltaFile({ windowStart: 1, windowEnd: 2, records }));
    this.#deltas.push(name);
    publishOptOutFiles(this.core, this.#deltas, this.#deltas.length);
  }

  /** The metadata of a store count up, so that it is loaded again with the same content. */
  touch(path: keyof typeof STORE_MEMBERS, version: number): void {
    touchStore(this.core, path, STORE_MEMBERS[path], version);
  }
}

/** `count` random first-level hashes. */
export function randomHashes(count: number): Uint8Array[] {
  const bytes = randomBytes(count * HASH_BYTES);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES));
}

function saltFile(count: number, nowMs: number): Buffer {
  const text: string[] = [];
  const bytes = randomBytes(count * SECRET_BYTES);
  for (let index = 0; index < count; index += 1) {
    const salt = bytes.toString('base64', index * SECRET_BYTES, (index + 1) * SECRET_BYTES);
    text.push(`${1_000_000 + index},${nowMs - HOUR_MS},${salt},${nowMs + HOUR_MS},,,,,,,\n`);
  }
  return Buffer.from(text.join(''));
}

function randomKey(keysetId: number, index: number): unknown {
  return keysetKey(index + 1, keysetId, toBase64(random(SECRET_BYTES)));
}

import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';

import { toBase64 } from '@holdfast/base';
import { FakeCore } from '@holdfast/core-client/testing';
import { encodeDeltaFile, generateApiKey, saltApiKey } from '@holdfast/uid2';

const HOUR_MS = 3_600_000;
const SITE = 123;
const SECRET_BYTES = 32;
const HASH_BYTES = 32;
const random = (length: number): Uint8Array => randomBytes(length);

export const FIRST_LEVEL_SALT = 'first-level';

export interface PublishedWorldOptions {
  /** When everything was published, ms. */
  readonly nowMs: number;
  readonly salts: number;
}

/** A small server in the place of Core and Opt-Out, and everything an operator reads from it. One client with every role. */
export class PublishedWorld {
  readonly core: FakeCore;
  readonly apiKey: string;
  /** Base64. */
  readonly clientSecret: string;
  readonly #salts: number;
  readonly #deltas: string[] = [];

  private constructor(core: FakeCore, { nowMs, salts }: PublishedWorldOptions) {
    this.core = core;
    this.#salts = salts;
    core.expiresAtMs = nowMs + HOUR_MS;
    core.extras = { optout_url: core.url };
    const { key, keyId } = generateApiKey({ scope: 'uid2', holder: 'client', environment: 'T', siteId: SITE }, random);
    this.apiKey = key;
    this.clientSecret = toBase64(random(SECRET_BYTES));
    const { keySalt, keyHash } = saltApiKey(key, random);
    this.#store('/clients/refresh', 'client_keys', [
      {
        key_hash: keyHash,
        key_salt: toBase64(keySalt),
        secret: this.clientSecret,
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
    this.#store('/key/keyset/refresh', 'keysets', keysets.map(keyset));
    this.#store('/key/keyset-keys/refresh', 'keyset_keys', keysets.map(keysetKey));
    this.publishSalts(nowMs, 1);
    core.json('/operator/config', {
      version: 1,
      runtime_config: {
        identity_token_expires_after_seconds: 3600,
        refresh_token_expires_after_seconds: 86_400,
        refresh_identity_token_after_seconds: 900,
        sharing_token_expiry_seconds: 3600,
        identity_environment: 'integ',
      },
    });
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
    const logs = this.#deltas.map((path) => ({
      type: 'delta',
      from: 1,
      to: 2,
      location: `${this.core.url}${path}?sig=1`,
    }));
    this.core.json('/optout/refresh', { version: this.#deltas.length, generated: 1, optout_logs: logs });
  }

  /** The metadata of a store count up, so that it is loaded again with the same content. */
  touch(path: '/clients/refresh' | '/key/keyset/refresh' | '/key/keyset-keys/refresh', version: number): void {
    const member = { '/clients/refresh': 'client_keys', '/key/keyset/refresh': 'keysets' }[path as string];
    const name = member ?? 'keyset_keys';
    this.core.json(path, { version, generated: 1, [name]: { location: `${this.core.url}/files/${name}?sig=1` } });
  }

  #store(path: string, member: string, records: unknown): void {
    this.core.json(path, {
      version: 1,
      generated: 1,
      [member]: { location: `${this.core.url}/files/${member}?sig=1` },
    });
    this.core.json(`/files/${member}`, records);
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

function keyset(id: number): unknown {
  return {
    keyset_id: id,
    site_id: id < 0 ? -1 : id,
    name: 'soak',
    allowed_sites: [],
    created: 1,
    enabled: true,
    default: true,
  };
}

function keysetKey(keysetId: number, index: number): unknown {
  const secret = toBase64(random(SECRET_BYTES));
  return { id: index + 1, keyset_id: keysetId, created: 1, activates: 1, expires: 4_000_000_000, secret };
}

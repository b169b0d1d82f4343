import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { toBase64, toHex } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';
import { createLogger } from '@holdfast/process';
import {
  createAttestationToken,
  deriveAttestationTokenKey,
  generateApiKey,
  mintOperatorJwt,
  operatorJwtClaims,
  saltApiKey,
} from '@holdfast/uid2';
import type { OperatorJwtClaims, OperatorRecord } from '@holdfast/uid2';
import type { FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';

import { buildApp, buildProducerApp } from '../src/app.ts';
import { loadOptOutConfig } from '../src/config.ts';
import { createContext } from '../src/context.ts';
import type { OptOutContext } from '../src/context.ts';

export const OPTOUT_URL = 'http://optout.test';
export const CORE_URL = 'http://core.test';
const PASSPHRASE = { key: 'passphrase', salt: 'salt' };

const jwtKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** An operator with its key in plain text, and the headers it sends once it has attested. */
export interface TestOperator {
  readonly key: string;
  readonly record: OperatorRecord;
}

/** One opt-out service over folders of its own, at a time that the test moves. */
export class World {
  readonly folder: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly logLines: string[] = [];
  /** Stands for all partners. */
  partner: HttpClient['send'] = async () => ({ status: 200, headers: {}, body: new Uint8Array() });
  nowMs = Date.parse('2026-05-01T12:00:00Z');
  context!: OptOutContext;
  app!: FastifyInstance;
  /** What is served at the next port. */
  producer!: FastifyInstance;
  readonly #started: { readonly app: FastifyInstance; readonly context: OptOutContext }[] = [];

  private constructor(folder: string, settings: Readonly<Record<string, unknown>>) {
    this.folder = folder;
    this.settings = settings;
  }

  /**
   * @param settings Text that begins with `folder:` names a file in the world's own folder.
   * @param files Further files of that folder, by name.
   */
  static async create(
    settings: Readonly<Record<string, unknown>> = {},
    files: Readonly<Record<string, unknown>> = {},
  ): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-optout-'));
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
    await writeFile(join(folder, 'link-key.hex'), toHex(randomBytes(32)));
    await writeFile(join(folder, 'core.pem'), jwtKeys.publicKey.export({ type: 'spki', format: 'pem' }));
    const located = Object.entries(settings).map(([name, value]): [string, unknown] => [
      name,
      typeof value === 'string' && value.startsWith('folder:') ? join(folder, value.slice(7)) : value,
    ]);
    const world = new World(folder, Object.fromEntries(located));
    await world.start();
    return world;
  }

  /** The configuration file's content. */
  configuration(): Record<string, unknown> {
    return {
      core_attest_url: `${CORE_URL}/attest`,
      core_api_token: 'service key',
      operators_metadata_path: `${CORE_URL}/operators/refresh`,
      storage_folder: join(this.folder, 'bucket'),
      link_signing_key_file: join(this.folder, 'link-key.hex'),
      optout_data_dir: join(this.folder, 'queue'),
      att_token_enc_key: PASSPHRASE.key,
      att_token_enc_salt: PASSPHRASE.salt,
      optout_url: OPTOUT_URL,
      core_public_url: CORE_URL,
      jwt_public_key_files: [join(this.folder, 'core.pem')],
      ...this.settings,
    };
  }

  /** Starts the service, once more without stopping the last one first, over whatever is on disk. */
  async start(): Promise<void> {
    const file = join(this.folder, 'config.json');
    await writeFile(file, JSON.stringify(this.configuration()));
    this.context = await createContext({
      config: loadOptOutConfig({ env: {}, configFile: file }),
      logger: createLogger({ name: 'optout', destination: { write: (line) => void this.logLines.push(line) } }),
      metrics: new Registry(),
      clock: () => this.nowMs,
      randomBytes: (length) => randomBytes(length),
      http: { send: (call) => this.partner(call) },
    });
    this.app = buildApp(this.context);
    this.producer = buildProducerApp(this.context);
    this.#started.push({ app: this.app, context: this.context });
  }

  /** Puts an opt-out with a hash of `byte` into the queue as if accepted at `seconds`. */
  async accept(byte: number, seconds: number, clientIp?: string): Promise<void> {
    const rawUid = new Uint8Array(32).fill(byte);
    await this.context.queue.append({ identityHash: rawUid, rawUid, optedOutAt: seconds }, clientIp);
  }

  async remove(): Promise<void> {
    for (const { app, context } of this.#started) {
      await app.close();
      await context.queue.close();
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Headers of an attested operator, with changes to its JWT, signed as Core does. */
  attestedHeaders(operator: TestOperator, claims: Partial<OperatorJwtClaims> = {}): Record<string, string> {
    const expiresAt = Math.floor(this.nowMs / 1000) + 100;
    const tokenKey = deriveAttestationTokenKey(PASSPHRASE.key, PASSPHRASE.salt);
    const jwt = operatorJwtClaims(
      { ...operator.record, siteId: operator.record.siteId ?? 0 },
      {
        expiresAt,
        issuedAt: expiresAt - 100,
        issuer: CORE_URL,
        audience: OPTOUT_URL,
        enclaveId: 'enclave',
        operatorVersion: 'v',
        jwtId: 'id',
      },
    );
    return {
      authorization: `Bearer ${operator.key}`,
      'attestation-token': createAttestationToken(operator.key, expiresAt, tokenKey, (length) => randomBytes(length)),
      'attestation-jwt': mintOperatorJwt({ ...jwt, ...claims }, jwtKeys.privateKey),
    };
  }
}

/** A new operator; its record is in use once it has been handed to `context.useOperators`. */
export function createOperator(changes: Partial<OperatorRecord> = {}): TestOperator {
  const { key, keyId } = generateApiKey({ scope: 'uid2', holder: 'operator', environment: 'T', siteId: 42 }, (length) =>
    randomBytes(length),
  );
  const record: OperatorRecord = {
    ...saltApiKey(key, (length) => randomBytes(length)),
    name: 'Operator',
    contact: 'operator',
    protocol: 'azure-cc',
    created: 0,
    disabled: false,
    siteId: 42,
    roles: ['OPERATOR', 'OPTOUT'],
    operatorType: 'PRIVATE',
    keyId,
    ...changes,
  };
  return { key, record };
}

/** The path of an opt-out with these parameters, encoded as an operator does. */
export function replicatePath(identityHash: Uint8Array, rawUid: Uint8Array): string {
  const query = new URLSearchParams({ identity_hash: toBase64(identityHash), advertising_id: toBase64(rawUid) });
  return `/optout/replicate?${query.toString()}`;
}

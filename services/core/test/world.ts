import { generateKeyPairSync, privateDecrypt, constants, randomBytes } from 'node:crypto';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Secret } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';
import { createLogger } from '@holdfast/process';
import { createDirectoryStore } from '@holdfast/storage';
import type { ObjectStore } from '@holdfast/storage';
import { generateApiKey, hashApiKey } from '@holdfast/uid2';
import type { FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';

import { buildApp, createContext, loadCoreConfig } from '../src/index.ts';
import type { CoreContext, EvidenceVerifier } from '../src/index.ts';

/** 2026-03-01T12:00:00Z: the time of every test world until a test moves its clock. */
export const START = Date.UTC(2026, 2, 1, 12);

export const HOST_DATA = 'ab'.repeat(32);
export const CORE_URL = 'https://core.example.com';
export const OPTOUT_URL = 'https://optout.example.com';

/** One pair for all tests of a file: making RSA keys is slow. */
export const operatorKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const operatorSpki = operatorKeys.publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
const jwtKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const jwtPublicKey = jwtKeys.publicKey;
export const jwtPrivateKey = jwtKeys.privateKey;

export interface OperatorSeed {
  readonly name: string;
  readonly site_id?: number;
  readonly protocol?: string;
  readonly operator_type?: 'PUBLIC' | 'PRIVATE';
  readonly roles?: readonly string[];
  readonly disabled?: boolean;
}

const OPERATORS: readonly OperatorSeed[] = [
  { name: 'public', site_id: 11, protocol: 'trusted', operator_type: 'PUBLIC' },
  { name: 'private', site_id: 22, protocol: 'trusted', operator_type: 'PRIVATE' },
  { name: 'azure', site_id: 22, protocol: 'azure-cc', operator_type: 'PRIVATE' },
  { name: 'neighbour', site_id: 22, protocol: 'azure-cc', operator_type: 'PRIVATE' },
  { name: 'unknown', site_id: 33, protocol: 'made-up', operator_type: 'PRIVATE' },
  { name: 'fake', site_id: 33, protocol: 'fake', operator_type: 'PRIVATE' },
  { name: 'disabled', site_id: 44, protocol: 'trusted', disabled: true },
  { name: 'optout', site_id: 55, protocol: 'trusted', operator_type: 'PUBLIC', roles: ['OPTOUT_SERVICE'] },
  { name: 'siteless', protocol: 'trusted', operator_type: 'PUBLIC' },
];

export interface World {
  readonly app: FastifyInstance;
  readonly context: CoreContext;
  readonly objects: ObjectStore;
  readonly folder: string;
  /** Operator keys by name. */
  readonly keys: Readonly<Record<string, string>>;
  /** Every log line so far, as text. */
  readonly log: () => string;
  readonly metrics: Registry;
  now: number;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** Settings that replace the defaults of the test. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly verifiers?: Readonly<Record<string, EvidenceVerifier>>;
  /** Leaves cloud encryption keys out of the bucket. */
  readonly withoutCloudKeys?: boolean;
}

/** A Core over a bucket of its own, with a clock that only a test moves. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-core-')));
  await writeFile(join(folder, 'link.key'), 'c0'.repeat(32));
  await writeFile(join(folder, 'jwt.pem'), jwtKeys.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const settings = {
    environment: 'test',
    storage_folder: join(folder, 'bucket'),
    link_signing_key_file: join(folder, 'link.key'),
    jwt_signing_key_file: join(folder, 'jwt.pem'),
    att_token_enc_key: 'passphrase of the tests',
    att_token_enc_salt: 'salt of the tests',
    core_public_url: CORE_URL,
    optout_url: OPTOUT_URL,
    link_base_url: 'http://links.test',
    ...options.config,
  };
  await writeFile(join(folder, 'core.json'), JSON.stringify(settings));
  const lines: string[] = [];
  const http = new HttpClient();
  const metrics = new Registry();
  const state = { now: START };
  const clock = () => state.now;
  const objects = createDirectoryStore({
    folder: settings.storage_folder,
    linkBaseUrl: 'http://unused.test',
    linkKey: new Secret(randomBytes(32)),
    clock,
  });
  const keys = await seedBucket(objects, options.withoutCloudKeys === true);
  const context = createContext({
    config: loadCoreConfig({ env: {}, configFile: join(folder, 'core.json') }),
    logger: createLogger({ name: 'core', destination: { write: (line: string) => void lines.push(line) } }),
    metrics,
    http,
    clock,
    randomBytes: (length) => randomBytes(length),
    ...(options.verifiers === undefined ? {} : { verifiers: options.verifiers }),
  });
  await context.loadSeeds();
  const app = buildApp(context);
  return {
    app,
    context,
    objects,
    folder,
    keys,
    metrics,
    log: () => lines.join(''),
    get now() {
      return state.now;
    },
    set now(value) {
      state.now = value;
    },
    async close() {
      await app.close();
      await http.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Writes every store of a bucket; answers the operators' keys by name. */
async function seedBucket(objects: ObjectStore, withoutCloudKeys: boolean): Promise<Record<string, string>> {
  const keys: Record<string, string> = {};
  const records: object[] = [];
  for (const operator of OPERATORS) {
    const { key, record } = createOperator(operator);
    keys[operator.name] = key;
    records.push(record);
  }
  await writeStore(objects, 'operators', 'operators', records, 1);
  await writeEnclaves(objects, [HOST_DATA], 1);
  if (!withoutCloudKeys) {
    await writeStore(objects, 'cloud_encryption_keys', 'cloud_encryption_keys', [cloudKey(1, 11), cloudKey(2, 22)], 1);
  }
  const scopes = ['', 'site/22/', 'encrypted/11_public/', 'encrypted/22_private/', 'encrypted/22_public/'];
  for (const [folder, member] of STORES) {
    for (const scope of scopes) {
      await writeMetadata(objects, `${folder}/${scope}`, {
        [member]: { location: `${folder}/${scope}${folder}.json` },
      });
    }
  }
  for (const scope of scopes) {
    await objects.write(`salts/${scope}salts.txt.1`, 'first');
    await writeMetadata(objects, `salts/${scope}`, {
      first_level: 'first level',
      id_prefix: 'b',
      id_secret: 'id secret',
      salts: [1, 2].map((effective) => ({
        effective,
        expires: effective + 1,
        location: `salts/${scope}salts.txt.${effective}`,
        size: 2,
      })),
    });
  }
  await objects.write(
    'operator/operator-config.json',
    '{"version":3,"runtime_config":{"identity_environment":"test"}}',
  );
  return keys;
}

/** Folder and metadata member of every store that operators or the opt-out service read. */
export const STORES = [
  ['sites', 'sites'],
  ['clients', 'client_keys'],
  ['client_side_keypairs', 'client_side_keypairs'],
  ['services', 'services'],
  ['service_links', 'service_links'],
  ['keys', 'keys'],
  ['keys_acl', 'keys_acl'],
  ['keysets', 'keysets'],
  ['keyset_keys', 'keyset_keys'],
  ['partners', 'partners'],
] as const;

export function cloudKey(id: number, siteId: number) {
  return { id, siteId, activates: 10 + id, created: 5, secret: Buffer.alloc(32, id).toString('base64') };
}

export function createOperator(operator: OperatorSeed): { key: string; record: object } {
  const { key, keyId } = generateApiKey(
    { scope: 'uid2', holder: 'operator', environment: 'T', siteId: operator.site_id ?? 0 },
    (length) => randomBytes(length),
  );
  // Without a site in the record only a key of an older form, which names none, can be found.
  const presented = operator.site_id === undefined ? `OLD-${operator.name}` : key;
  const salt = randomBytes(32);
  const record = {
    ...operator,
    contact: `${operator.name}@example.com`,
    created: 1,
    key_id: keyId,
    key_salt: salt.toString('base64'),
    key_hash: hashApiKey(presented, salt),
  };
  return { key: presented, record };
}

export async function writeEnclaves(objects: ObjectStore, identifiers: readonly string[], version: number) {
  const records = identifiers.map((identifier) => ({ name: 'test', protocol: 'azure-cc', identifier, created: 1 }));
  await writeStore(objects, 'enclaves', 'enclaves', records, version);
}

export async function writeStore(
  objects: ObjectStore,
  folder: string,
  member: string,
  content: unknown,
  version: number,
): Promise<void> {
  await objects.write(`${folder}/${folder}.json`, JSON.stringify(content));
  await writeMetadata(objects, `${folder}/`, { [member]: { location: `${folder}/${folder}.json` } }, version);
}

async function writeMetadata(objects: ObjectStore, folder: string, members: object, version = 7): Promise<void> {
  await objects.write(`${folder}metadata.json`, JSON.stringify({ version, generated: 1, ...members }));
}

/** The body of a trusted attestation request. */
export function attestBody(members: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ attestation_request: 'AA==', public_key: operatorSpki, ...members });
}

export async function postAttest(
  world: Pick<World, 'app'>,
  key: string | undefined,
  body: string | undefined,
  headers: Readonly<Record<string, string>> = {},
) {
  const answer = await world.app.inject({
    method: 'POST',
    url: '/attest',
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { payload: body }),
  });
  return { status: answer.statusCode, text: answer.body, headers: answer.headers, json: jsonOf(answer.body) };
}

export async function get(
  world: Pick<World, 'app'>,
  path: string,
  key: string | undefined,
  headers: Readonly<Record<string, string>> = {},
) {
  const answer = await world.app.inject({
    url: path,
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers },
  });
  return { status: answer.statusCode, text: answer.body, headers: answer.headers, json: jsonOf(answer.body) };
}

// oxlint-disable-next-line typescript/no-explicit-any -- tests compare parsed answers as a whole
export function jsonOf(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What only the holder of the operator's private key reads. */
export function decryptToken(base64: string): string {
  const plain = privateDecrypt(
    { key: operatorKeys.privateKey, padding: constants.RSA_PKCS1_PADDING },
    Buffer.from(base64, 'base64'),
  );
  return plain.toString('utf8');
}

/** The claims of a JWT, unverified. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests compare parsed answers as a whole
export function claimsOf(jwt: string): any {
  return jsonOf(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString());
}

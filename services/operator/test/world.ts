import { Buffer } from 'node:buffer';
import { createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { toBase64 } from '@holdfast/base';
import { createMetricsRegistry } from '@holdfast/http';
import { createLogger } from '@holdfast/process';
import {
  AuthorizableStore,
  decodeResponseEnvelope,
  encodeDeltaFile,
  encodeRequestEnvelope,
  firstLevelHash,
  generateApiKey,
  hashDii,
  KeysetSnapshot,
  OptOutIndex,
  parseOptOutFile,
  parseSaltFile,
  prepareSecret,
  saltApiKey,
  textMember,
} from '@holdfast/uid2';
import type {
  ClientRecord,
  ClientSideKeypair,
  DiiKind,
  JsonObject,
  Keyset,
  KeysetKey,
  Role,
  RuntimeConfiguration,
  SaltSnapshot,
  ServiceLinkRecord,
  ServiceRecord,
  SiteRecord,
} from '@holdfast/uid2';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';

import { buildApp } from '../src/app.ts';
import type {
  OperatorContext,
  OperatorSettings,
  OptOutWrite,
  ServiceGate,
  UnhealthyComponent,
} from '../src/context.ts';

/** The instant of the known answers. */
export const NOW_MS = 1_800_000_000_000;

/** Source: the five-entry salts that the uid2-operator repository embeds for its tests (values published there). */
export const FIRST_LEVEL_SALT = 'fOGY/aRE44peL23i+cE9MkJrzmEeNZZziNZBfq7qqk8=';
const ID_PREFIX = 'b';
const ID_SECRET = 'HF6Qz42HBbVHINxhh191dB09BCuTWyBkNtrNicO4ZCw=';
const SALT_LINES = [
  '1000000,1806364800001,vgv1BwiNRCW7F3VcNXHlZh+7oHJ4G4gCshbGcVOLnss=,1814140800000,vgv1BwiNRCW7F3VcNXHlZh+7oHJ4G4gCshbGcVOLnsS=,,,,,,',
  '1000001,1786924800001,vgv1BwiNRCW7F3VcNXHlZh+7oHJ4G4gCshbGcVOLnst=,1812844800000,,,,,,,',
  '1000002,1798588800001,,1806364800000,,2100002,key12345key12345key12345key12340,salt1234salt1234salt1234salt1230,2000002,key12345key12345key12345key12345,salt1234salt1234salt1234salt1234',
  '1000003,1795996800001,,1803772800000,,2000003,key12345key12345key12345key12346,salt1234salt1234salt1234salt1235,,,',
  '1000004,1811548800001,,1819324800000,vgv1BwiNRCW7F3VcNXHlZh+7oHJ4G4gCshbGcVOLnsw=,2000004,key12345key12345key12345key12347,salt1234salt1234salt1234salt1236,,,',
];

/** Test keys of the same repository, by key id and keyset. */
const KEYS: readonly (readonly [number, number, string])[] = [
  [101, -1, 'vPdQIoN1nTwXIQoH4/GcHOAct7ymyrGUKXNQhgmq+E8='],
  [102, -2, 'RgyxkP4yP1gYhCINq7O9PxM6jX+etPqSQluZxjB1aG8='],
  [103, 2, 'c2yMYeezHfDvZ6haknCFaj0t+eAEJp/C/uh+fUAm1fo='],
  [104, 123, 'bVZZOwCuO0fUf2P6CrwaY23erMErVQiMkGgpy2OMSxc='],
];

/** A site with its own keyset, and one without. */
export const SITE = 123;
export const SITE_WITHOUT_KEYSET = 124;

const ALL_ROLES: readonly Role[] = ['GENERATOR', 'MAPPER', 'ID_READER', 'SHARER', 'OPTOUT'];

export interface TestClient {
  readonly apiKey: string;
  readonly secret: KeyObject;
  readonly record: ClientRecord;
}

export interface CallOptions {
  readonly client?: TestClient;
  readonly binary?: boolean;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the caller's clock shows; the server's when missing. */
  readonly callerNowMs?: number;
}

export interface Reply {
  readonly raw: LightMyRequestResponse;
  readonly status: number;
  readonly contentType: string | undefined;
  /** Body as text, as it went over the wire. */
  readonly text: string;
  /** The decrypted JSON of a 200, undefined for everything else. */
  readonly json: JsonObject | undefined;
}

export class World {
  readonly app: FastifyInstance;
  readonly context: OperatorContext;
  readonly client: TestClient;
  readonly logLines: string[] = [];
  readonly optOutWrites: OptOutWrite[] = [];
  readonly saltSelections: boolean[] = [];

  nowMs: number = NOW_MS;
  runtime: RuntimeConfiguration = {
    identityTokenExpiresAfterSeconds: 3600,
    refreshTokenExpiresAfterSeconds: 86_400,
    refreshIdentityTokenAfterSeconds: 900,
    sharingTokenExpirySeconds: 7200,
    identityEnvironment: 'test',
    maxBidstreamLifetimeSeconds: 3600,
    maxSharingLifetimeSeconds: 7200,
  };
  keysets: KeysetSnapshot;
  salts: readonly SaltSnapshot[];
  optOuts: OptOutIndex = OptOutIndex.of([]);
  sites: readonly SiteRecord[] = [];
  keypairs: readonly ClientSideKeypair[] = [];
  services: readonly ServiceRecord[] = [];
  serviceLinks: readonly ServiceLinkRecord[] = [];
  gate: ServiceGate | undefined;
  unhealthy: readonly UnhealthyComponent[] = [];
  optOutFailure: Error | undefined;
  random: (length: number) => Uint8Array = (length) => randomBytes(length);

  readonly #clients = new AuthorizableStore<ClientRecord>();
  readonly #records: ClientRecord[] = [];

  constructor(settings: Partial<OperatorSettings> = {}) {
    this.keysets = keysetSnapshot();
    this.salts = [saltSnapshot()];
    this.context = {
      settings: {
        identityScope: 'uid2',
        identityV3: false,
        phoneSupport: true,
        optOutStatusApiEnabled: true,
        optOutStatusMaxRequestSize: 5000,
        mapWorkers: 0,
        allowClockSkewSeconds: 1800,
        envelopes: true,
        tcfVendorId: 21,
        clientSide: undefined,
        serviceLinks: false,
        usageLimits: { unknownPaths: 50, versionsPerSite: 50 },
        ...settings,
      },
      stores: {
        runtimeConfig: () => this.runtime,
        clients: () => this.#clients,
        keysets: () => this.keysets,
        salts: () => this.salts,
        optOuts: () => this.optOuts,
        site: (siteId) => this.sites.find((site) => site.id === siteId),
        clientSideKeypair: (id) => this.keypairs.find((keypair) => keypair.subscriptionId === id),
        service: (serviceId) => this.services.find((service) => service.serviceId === serviceId),
        serviceLink: (serviceId, linkId) =>
          this.serviceLinks.find((link) => link.serviceId === serviceId && link.linkId === linkId),
      },
      clock: () => this.nowMs,
      random: (length) => this.random(length),
      optOutWriter: {
        write: async (optOut) => {
          if (this.optOutFailure !== undefined) throw this.optOutFailure;
          this.optOutWrites.push(optOut);
        },
      },
      gate: () => this.gate,
      health: () => this.unhealthy,
      status: () => ({ healthy: this.unhealthy.length === 0 }),
      onSaltSelection: (expired) => this.saltSelections.push(expired),
      metrics: createMetricsRegistry('uid2-operator'),
      logger: createLogger({
        name: 'operator',
        destination: { write: (line) => void this.logLines.push(line) },
      }),
    };
    this.client = this.addClient({});
    this.app = buildApp(this.context);
  }

  /** A client with every role unless told otherwise. */
  addClient(overrides: Partial<ClientRecord>): TestClient {
    const siteId = overrides.siteId ?? SITE;
    const { key, keyId } = generateApiKey({ scope: 'uid2', holder: 'client', environment: 'L', siteId }, randomBytes);
    const record: ClientRecord = {
      ...saltApiKey(key, randomBytes),
      secret: createSecretKey(randomBytes(32)),
      name: `client ${this.#records.length}`,
      contact: `contact-${this.#records.length}`,
      created: 0,
      roles: ALL_ROLES,
      siteId,
      disabled: false,
      serviceId: 0,
      keyId,
      ...overrides,
    };
    this.#records.push(record);
    this.#clients.replace(this.#records);
    return { apiKey: key, secret: record.secret, record };
  }

  /** Opts users out at the given time in seconds, with the raw UID they have today in tests that ask for it. */
  optOut(users: readonly (readonly [DiiKind, string])[], rawUid = new Uint8Array(32).fill(9), seconds = 1_700_000_000) {
    const records = users.map(([kind, text]) => ({ identityHash: flhOf(kind, text), rawUid, optedOutAt: seconds }));
    this.optOuts = OptOutIndex.of([
      parseOptOutFile(encodeDeltaFile({ windowStart: seconds, windowEnd: seconds + 300, records })),
    ]);
  }

  /** Sends an enveloped request and opens the reply. A payload of `undefined` sends none, a string goes as it is. */
  async call(path: string, payload: object | string | undefined, options: CallOptions = {}): Promise<Reply> {
    const client = options.client ?? this.client;
    const nonce = randomBytes(8);
    const envelope = encodeRequestEnvelope(
      {
        nowMs: options.callerNowMs ?? this.nowMs,
        nonce,
        ...(payload === undefined ? {} : { json: typeof payload === 'string' ? payload : JSON.stringify(payload) }),
      },
      client.secret,
      randomBytes,
    );
    const binary = options.binary ?? false;
    const raw = await this.post(path, binary ? Buffer.from(envelope) : toBase64(envelope), {
      ...(binary ? { contentType: 'application/octet-stream' } : {}),
      ...options,
      client,
    });
    if (raw.statusCode !== 200) return reply(raw, undefined);
    const sealed =
      raw.headers['content-type'] === 'application/octet-stream'
        ? new Uint8Array(raw.rawPayload)
        : new Uint8Array(Buffer.from(raw.body, 'base64'));
    return reply(raw, decodeResponseEnvelope(sealed, client.secret, nonce).payload);
  }

  /** Sends a body as it is. */
  async post(
    path: string,
    body: Buffer | string | undefined,
    options: Omit<CallOptions, 'client'> & { readonly client?: TestClient | null } = {},
  ): Promise<LightMyRequestResponse> {
    const { client = this.client, contentType, headers } = options;
    return this.app.inject({
      method: 'POST',
      url: path,
      headers: {
        ...(client === null ? {} : { authorization: `Bearer ${client.apiKey}` }),
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: body }),
    });
  }

  async metricsText(): Promise<string> {
    return this.context.metrics.metrics();
  }
}

function reply(raw: LightMyRequestResponse, json: JsonObject | undefined): Reply {
  return {
    raw,
    status: raw.statusCode,
    contentType: raw.headers['content-type'],
    text: raw.body,
    json,
  };
}

export function flhOf(kind: DiiKind, text: string): Uint8Array {
  const identity = hashDii(kind, text);
  if (identity === undefined) throw new Error(`${text} is no valid ${kind}`);
  return firstLevelHash(identity.hash, FIRST_LEVEL_SALT);
}

export function saltSnapshot(
  options: Partial<Omit<SaltSnapshot, 'table'>> & { lines?: readonly string[]; idPrefix?: string } = {},
): SaltSnapshot {
  const { lines = SALT_LINES, idPrefix = ID_PREFIX, ...rest } = options;
  const bytes = Buffer.from(`${lines.join('\n')}\n`);
  return {
    effective: 0,
    expires: NOW_MS * 2,
    firstLevelSalt: FIRST_LEVEL_SALT,
    table: parseSaltFile(bytes, { size: SALT_LINES.length, idPrefix, idSecret: ID_SECRET }),
    ...rest,
  };
}

/** Salt lines in which every bucket has the same salt and no other material. */
export const PLAIN_SALT_LINES: readonly string[] = [0, 1, 2, 3, 4].map(
  (id) => `${1_000_000 + id},1795996800001,salt-of-everybody,1803772800000,,,,,,,`,
);

export function keyset(id: number, siteId: number, overrides: Partial<Keyset> = {}): Keyset {
  return {
    id,
    siteId,
    name: `keyset ${id}`,
    allowedSites: undefined,
    createdSeconds: 1_600_000_000,
    enabled: true,
    isDefault: true,
    ...overrides,
  };
}

export function keysetKey(id: number, keysetId: number, overrides: Partial<KeysetKey> = {}): KeysetKey {
  return {
    id,
    keysetId,
    createdSeconds: 1_617_149_276,
    activatesSeconds: 1_618_359_276,
    expiresSeconds: 4_102_444_800,
    secret: prepareSecret(new Uint8Array(32).fill(id % 256)),
    ...overrides,
  };
}

/** Master, refresh, fallback and one publisher's keyset, with the keys of the known answers, and what a test adds. */
export function keysetSnapshot(
  extraKeysets: readonly Keyset[] = [],
  extraKeys: readonly KeysetKey[] = [],
  keep: (keyId: number) => boolean = () => true,
): KeysetSnapshot {
  const { keysets, keys } = keysetParts();
  return new KeysetSnapshot([...keysets, ...extraKeysets], [...keys.filter(({ id }) => keep(id)), ...extraKeys]);
}

/** The keysets and keys of every small world. */
export function keysetParts(): { readonly keysets: readonly Keyset[]; readonly keys: readonly KeysetKey[] } {
  return {
    keysets: [keyset(-1, -1), keyset(-2, -2), keyset(2, 2), keyset(SITE, SITE)],
    keys: KEYS.map(([id, keysetId, secret]) =>
      keysetKey(id, keysetId, { secret: prepareSecret(new Uint8Array(Buffer.from(secret, 'base64'))) }),
    ),
  };
}

/** The body of a successful reply. */
export function bodyOf(answer: Reply): JsonObject {
  const body = answer.json?.['body'];
  if (answer.json?.['status'] !== 'success' || typeof body !== 'object' || body === null) {
    throw new Error(`not a success with a body: ${answer.status} ${answer.text}`);
  }
  return body as JsonObject;
}

/** A text member of a reply. */
export function textOf(object: JsonObject, name: string): string {
  const text = textMember(object, name);
  if (text === undefined) throw new Error(`the reply has no ${name}`);
  return text;
}

/** The exact bytes of an error reply. */
export function errorText(status: string, message: string): string {
  return JSON.stringify({ status, message });
}

/** The value of the sample of `name` whose labels include all of `labels`; 0 when there is none. */
export async function sample(world: World, name: string, labels: Readonly<Record<string, string>>): Promise<number> {
  for (const line of (await world.metricsText()).split('\n')) {
    if (!line.startsWith(`${name}{`)) continue;
    if (Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`))) {
      return Number(line.slice(line.lastIndexOf(' ') + 1));
    }
  }
  return 0;
}

import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { basicConstraintsExtension, certificatesToPem, createCertificate } from '@holdfast/attestation';
import type { RegoJson } from '@holdfast/policy';
import type { Logger } from '@holdfast/process';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';

import { buildApp } from '../src/app.ts';
import type { BuiltInAttestation } from '../src/appraisal/attestation-service.ts';
import { parseConfig } from '../src/config.ts';
import type { TrusteeContext } from '../src/context.ts';
import { openContext } from '../src/open-context.ts';

export const START: number = Date.UTC(2026, 10, 22, 6, 0, 0);
const DAY = 86_400_000;

/** A certificate authority, the token key of an attestation service under it, and an administrator's key, as files. */
export interface Material {
  readonly folder: string;
  readonly adminKey: KeyObject;
  remove(): void;
}

export function createMaterial(): Material {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-trustee-'));
  const admin = generateKeyPairSync('ed25519');
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = (name: string, publicKey: KeyObject, serial: bigint, isAuthority: boolean): string =>
    certificatesToPem([
      createCertificate({
        subject: [{ type: 'CN', value: name }],
        issuer: [{ type: 'CN', value: 'Test CA' }],
        publicKey,
        signingKey: ca.privateKey,
        serial,
        notBefore: START - DAY,
        notAfter: START + 3650 * DAY,
        extensions: [basicConstraintsExtension({ ca: isAuthority })],
        signatureAlgorithm: 'ecdsa-sha256',
      }),
    ]);
  const root = certificate('Test CA', ca.publicKey, 1n, true);
  writeFileSync(join(folder, 'admin.pem'), admin.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(join(folder, 'ca.pem'), root);
  writeFileSync(join(folder, 'signer-chain.pem'), certificate('Token signer', leaf.publicKey, 2n, false) + root);
  writeFileSync(join(folder, 'signer.pem'), leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return { folder, adminKey: admin.privateKey, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A broker in this process with a clock that tests move. */
export interface Broker {
  readonly app: FastifyInstance;
  readonly context: TrusteeContext;
  readonly log: readonly string[];
  /** What was logged with a message, in order. */
  records(message: string): readonly Readonly<Record<string, unknown>>[];
  readonly clock: { now: number };
  admin(method: 'GET' | 'POST' | 'DELETE', path: string, payload?: string | Buffer): Promise<LightMyRequestResponse>;
  setResourcePolicy(text: string): Promise<LightMyRequestResponse>;
  register(values: Readonly<Record<string, unknown>>): Promise<LightMyRequestResponse>;
}

export interface BrokerOptions {
  readonly storage?: 'LocalFs' | 'LocalJson';
  readonly adminMode?: string;
  readonly maxSessions?: number;
  readonly allowSample?: boolean;
  readonly changes?: Readonly<Record<string, unknown>>;
}

export async function openBroker(material: Material, options: BrokerOptions = {}): Promise<Broker> {
  const { folder } = material;
  const settings = {
    http_server: { sockets: ['127.0.0.1:0'], insecure_http: true },
    admin: {
      authorization_mode: options.adminMode ?? 'AuthenticatedAuthorization',
      authentication: { bearer_jwt: { identity_providers: [{ public_key_uri: join(folder, 'admin.pem') }] } },
      authorization: {
        regex_acl: {
          acls: [
            { role: 'admin', allowed_endpoints: '^/kbs/v0/.*$' },
            { role: 'reader', allowed_endpoints: '^/kbs/v0/reference-value/[a-z_]+$' },
          ],
        },
      },
    },
    attestation_token: { trusted_certs_paths: [join(folder, 'ca.pem')] },
    attestation_service: {
      attestation_token_broker: {
        signer: { key_path: join(folder, 'signer.pem'), cert_path: join(folder, 'signer-chain.pem') },
      },
    },
    storage_backend: {
      storage_type: options.storage ?? 'Memory',
      backends: { local_fs: { dir_path: join(folder, 'fs') }, local_json: { file_dir_path: join(folder, 'json') } },
    },
    plugins: [{ name: 'resource' }],
    holdfast: {
      environment: 'test',
      allow_sample: options.allowSample ?? true,
      max_sessions: options.maxSessions ?? 100,
    },
    ...options.changes,
  };
  const config = parseConfig(JSON.stringify(settings), 'test.json');
  const clock = { now: START };
  const log: string[] = [];
  const client = { send: () => Promise.reject(new Error('no network in tests')) };
  const context = await openContext({ config, logger: recordingLogger(log), client, clock: () => clock.now });
  const app = buildApp(context);
  const admin: Broker['admin'] = (method, path, payload) =>
    app.inject({
      method,
      url: `/kbs/v0/${path}`,
      headers: { authorization: `Bearer ${adminToken(material.adminKey, 'admin', clock.now)}` },
      ...(payload === undefined ? {} : { payload }),
    });
  return {
    app,
    context,
    log,
    records: (message) =>
      log.flatMap((line) => {
        const [record, said] = JSON.parse(line) as [Readonly<Record<string, unknown>>, string];
        return said === message ? [record] : [];
      }),
    clock,
    admin,
    setResourcePolicy: (text) =>
      admin('POST', 'resource-policy', JSON.stringify({ policy: Buffer.from(text).toString('base64url') })),
    register: (values) =>
      admin(
        'POST',
        'reference-value',
        JSON.stringify({
          version: '0.1.0',
          type: 'sample',
          payload: Buffer.from(JSON.stringify(values)).toString('base64'),
        }),
      ),
  };
}

/** The attestation service of a broker that has its own. */
export function builtIn({ context }: Broker): BuiltInAttestation {
  if (context.builtIn === undefined) throw new Error('the attestation service is another one');
  return context.builtIn;
}

/** What makes the sample evidence of `Guest` affirming. */
export const sampleReferences: Readonly<Record<string, RegoJson>> = {
  svn: ['1'],
  launch_digest: ['abcde'],
  major_version: 1,
  minimum_minor_version: 1,
};

export function adminToken(key: KeyObject, role: string | undefined, now: number, claims: object = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const seconds = Math.floor(now / 1000);
  const signed = `${part({ alg: 'EdDSA', typ: 'JWT' })}.${part({ iat: seconds, exp: seconds + 300, role, ...claims })}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`;
}

function recordingLogger(log: string[]): Logger {
  const record = (...parts: unknown[]): void => {
    log.push(JSON.stringify(parts));
  };
  return { info: record, warn: record, error: record, debug: record } as unknown as Logger;
}

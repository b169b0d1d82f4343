import {
  createCipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto';

import { toBase64Url, toUtf8 } from '@holdfast/base';
import { createApp, listen } from '@holdfast/http';
import type { HttpAnswer, HttpRequest } from '@holdfast/http';

const TYPE = 'https://github.com/confidential-containers/kbs/errors/';

interface Attestation {
  readonly 'init-data': unknown;
  readonly 'runtime-data': { readonly nonce: string; readonly 'tee-pubkey': Readonly<Record<string, string>> };
  readonly 'tee-evidence': { readonly primary_evidence: unknown; readonly additional_evidence: string };
}

/** Speaks the KBS protocol as far as a guest can tell, and remembers what it was told. */
export class FakeBroker {
  readonly resources = new Map<string, string>();
  /** `METHOD path` in order. */
  readonly calls: string[] = [];
  readonly attestations: Attestation[] = [];
  readonly nonces: string[] = [];
  /** Answers in place of its own, by `METHOD path`; taken out one by one. */
  readonly overrides = new Map<string, Partial<HttpAnswer>[]>();
  /** What is waited for before a call is answered. */
  before: ((name: string) => Promise<void>) | undefined;
  extraParams: unknown = '';
  tokenExpiry = 4_000_000_000;
  allows = true;
  #sessions = new Map<string, { nonce: string; key?: Readonly<Record<string, string>> }>();

  readonly send = async (call: HttpRequest): Promise<HttpAnswer> => {
    const path = call.url.slice(call.url.indexOf('/kbs/v0/') + '/kbs/v0/'.length);
    const name = `${call.method ?? 'GET'} ${path}`;
    this.calls.push(name);
    // Whoever runs at the same time gets a turn before the answer.
    await Promise.resolve();
    const override = this.overrides.get(name)?.shift();
    await this.before?.(name);
    if (override !== undefined) return { status: 200, headers: {}, body: new Uint8Array(), ...override };
    const body = call.body === undefined ? '' : Buffer.from(call.body).toString();
    const cookie = /kbs-session-id=(\w+)/.exec(call.headers?.['Cookie'] ?? '')?.[1] ?? '';
    if (name === 'POST auth') return this.#auth();
    if (name === 'POST attest') return this.#attest(cookie, JSON.parse(body) as Attestation);
    return this.#resource(cookie, path.slice('resource/'.length));
  };

  #auth(): HttpAnswer {
    const id = randomBytes(16).toString('hex');
    const nonce = randomBytes(32).toString('base64');
    this.#sessions.set(id, { nonce });
    this.nonces.push(nonce);
    const cookie = `kbs-session-id=${id}; Expires=Sun, 22 Nov 2026 07:00:00 GMT`;
    return json({ nonce, 'extra-params': this.extraParams }, cookie);
  }

  #attest(id: string, attestation: Attestation): HttpAnswer {
    this.attestations.push(attestation);
    const session = this.#sessions.get(id);
    if (session === undefined || session.nonce !== attestation['runtime-data'].nonce) return attestRefused();
    session.key = attestation['runtime-data']['tee-pubkey'];
    const claims = toBase64Url(toUtf8(JSON.stringify({ exp: this.tokenExpiry, n: this.attestations.length })));
    return json({ token: `e30.${claims}.sig` }, `kbs-session-id=${id}; Expires=Sun, 22 Nov 2026 07:00:00 GMT`);
  }

  #resource(id: string, path: string): HttpAnswer {
    const key = this.#sessions.get(id)?.key;
    if (key === undefined) return refusal('TokenNotFound', 'Attestation Token not found');
    if (!this.allows) return refusal('PolicyDeny', 'Access denied by policy');
    const resource = this.resources.get(path);
    if (resource === undefined) return refusal('PluginInternalError', 'Plugin internal error');
    return json(encrypt(toUtf8(resource), key));
  }
}

export function refusal(variant: string, detail: string, status = 401): HttpAnswer {
  return { ...json({ type: TYPE + variant, detail }), status };
}

export function attestRefused(): HttpAnswer {
  return refusal('AttestationError', 'Attestation error: RCAR handshake Attest failed');
}

/** The broker on a port of its own. */
export async function listenAsBroker(
  broker: FakeBroker,
  tls?: { readonly key: string; readonly cert: string },
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const app = createApp({ bodyLimitBytes: 1024 * 1024, ...(tls === undefined ? {} : { tls }) });
  app.route({
    method: ['GET', 'POST'],
    url: '/*',
    handler: async (request, reply) => {
      const { cookie } = request.headers;
      const answer = await broker.send({
        url: `http://broker${request.originalUrl}`,
        method: request.method as 'GET' | 'POST',
        headers: cookie === undefined ? {} : { Cookie: cookie },
        ...(request.body === undefined ? {} : { body: request.body as Buffer }),
        timeoutMs: 1000,
      });
      return reply.code(answer.status).headers(answer.headers).send(Buffer.from(answer.body));
    },
  });
  const url = await listen(app, { host: '127.0.0.1', port: 0 });
  return { url, stop: () => app.close() };
}

function json(value: unknown, cookie?: string): HttpAnswer {
  const headers = { 'content-type': 'application/json', ...(cookie === undefined ? {} : { 'set-cookie': cookie }) };
  return { status: 200, headers, body: toUtf8(JSON.stringify(value)) };
}

/** A256GCM under ECDH-ES+A256KW, flattened; `header` is written as it is given. */
export function encrypt(
  plaintext: Uint8Array,
  recipient: Readonly<Record<string, string>>,
  order: (header: Readonly<Record<string, unknown>>) => object = (header) => header,
): Readonly<Record<string, string>> {
  const { kty = '', crv = '', x = '', y = '' } = recipient;
  const publicKey = createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' });
  const ephemeral = generateKeyPairSync('ec', { namedCurve: crv });
  const epk = ephemeral.publicKey.export({ format: 'jwk' });
  const uint32 = (value: number): Buffer => Buffer.from([0, 0, value >> 8, value & 255]);
  const secret = diffieHellman({ privateKey: ephemeral.privateKey, publicKey });
  const alg = 'ECDH-ES+A256KW';
  const info = Buffer.concat([uint32(alg.length), Buffer.from(alg), uint32(0), uint32(0), uint32(256)]);
  const kek = createHash('sha256')
    .update(Buffer.concat([uint32(1), secret, info]))
    .digest();
  const cek = randomBytes(32);
  const wrap = createCipheriv('id-aes256-wrap', kek, Buffer.alloc(8, 0xa6));
  const header = order({ alg, enc: 'A256GCM', epk: { crv: epk.crv, kty: 'EC', x: epk.x, y: epk.y } });
  const protectedHeader = Buffer.from(JSON.stringify(header)).toString('base64url');
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', cek, iv).setAAD(Buffer.from(protectedHeader));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return {
    protected: protectedHeader,
    encrypted_key: Buffer.concat([wrap.update(cek), wrap.final()]).toString('base64url'),
    iv: iv.toString('base64url'),
    ciphertext: ciphertext.toString('base64url'),
    tag: cipher.getAuthTag().toString('base64url'),
  };
}

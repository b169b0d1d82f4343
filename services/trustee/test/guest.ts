import {
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  privateDecrypt,
  constants,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { canonicalJson } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';

/** The guest's half of the KBS protocol as the official client speaks it, for tests. */
export class Guest {
  readonly privateKey: KeyObject;
  readonly jwk: JsonObject;
  cookie: string | undefined;
  nonce = '';
  readonly #app: FastifyInstance;

  constructor(app: FastifyInstance, kind: 'P-256' | 'P-521' | 'RSA' = 'P-256') {
    this.#app = app;
    this.privateKey =
      kind === 'RSA'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
        : generateKeyPairSync('ec', { namedCurve: kind }).privateKey;
    const { x, y, crv, n, e } = createPublicKey(this.privateKey).export({ format: 'jwk' });
    this.jwk =
      kind === 'RSA'
        ? { kty: 'RSA', alg: 'RSA-OAEP-256', n: n ?? '', e: e ?? '' }
        : { kty: 'EC', crv: crv ?? '', alg: 'ECDH-ES+A256KW', x: x ?? '', y: y ?? '' };
  }

  async auth(tee = 'sample'): Promise<LightMyRequestResponse> {
    const payload = `{"version":"0.4.0","tee":"${tee}","extra-params":{"supported-hash-algorithms":["sha256","sha384","sha512","sm3"]}}`;
    const answer = await this.#app.inject({ method: 'POST', url: '/kbs/v0/auth', payload, headers: json });
    if (answer.statusCode === 200) {
      this.nonce = answer.json().nonce;
      this.cookie = /^(kbs-session-id=[0-9a-f]+);/.exec(String(answer.headers['set-cookie']))?.[1];
    }
    return answer;
  }

  /** SHA-384 over the canonical runtime data, as evidence carries it. */
  digest(additional: string | null = ''): Buffer {
    const bound: JsonObject = {
      'tee-pubkey': this.jwk,
      nonce: this.nonce,
      ...(additional === null ? {} : { 'additional-evidence': additional }),
    };
    return createHash('sha384').update(canonicalJson(bound)).digest();
  }

  attestation(changes: { evidence?: JsonValue; nonce?: string; initData?: string; additional?: string } = {}): string {
    const additional = changes.additional ?? '';
    const evidence = changes.evidence ?? { svn: '1', report_data: this.digest(additional).toString('base64') };
    return JSON.stringify({
      'init-data': changes.initData === undefined ? null : { format: 'toml', body: changes.initData },
      'runtime-data': { nonce: changes.nonce ?? this.nonce, 'tee-pubkey': this.jwk },
      'tee-evidence': { primary_evidence: evidence, additional_evidence: additional },
    });
  }

  attest(payload = this.attestation()): Promise<LightMyRequestResponse> {
    return this.#app.inject({
      method: 'POST',
      url: '/kbs/v0/attest',
      payload,
      headers: { ...json, ...(this.cookie === undefined ? {} : { cookie: this.cookie }) },
    });
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<LightMyRequestResponse> {
    return this.#app.inject({
      method: 'GET',
      url: `/kbs/v0/${path}`,
      headers: { ...(this.cookie === undefined ? {} : { cookie: this.cookie }), ...headers },
    });
  }

  /** Opens a reply as the official client does: the protected header is parsed and written again before it counts. */
  open(body: string): string {
    return openReply(JSON.parse(body) as Record<string, string>, this.privateKey);
  }
}

const json = { 'content-type': 'application/json' };

/** The official client writes the header again: `alg`, `enc`, then the other members by name. */
export function clientAad({ alg, enc, ...rest }: ProtectedHeader): string {
  return Buffer.from(JSON.stringify({ alg, enc, ...sorted(rest) })).toString('base64url');
}

interface ProtectedHeader {
  readonly alg: string;
  readonly enc: string;
  readonly epk?: { readonly crv: string; readonly kty: string; readonly x: string; readonly y: string };
}

export function openReply(reply: Readonly<Record<string, string>>, privateKey: KeyObject): string {
  const part = (name: string): Buffer => Buffer.from(reply[name] ?? '', 'base64url');
  const header = JSON.parse(part('protected').toString()) as ProtectedHeader;
  const aad = clientAad(header);
  const cek = unwrap(header.alg, header.epk, part('encrypted_key'), privateKey);
  const decipher = createDecipheriv('aes-256-gcm', cek, part('iv')).setAAD(Buffer.from(aad)).setAuthTag(part('tag'));
  return Buffer.concat([decipher.update(part('ciphertext')), decipher.final()]).toString();
}

function sorted(value: object): object {
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]: [string, unknown]) => [
        name,
        typeof member === 'object' && member !== null ? sorted(member) : member,
      ]),
  );
}

function unwrap(alg: string, epk: ProtectedHeader['epk'], wrapped: Buffer, privateKey: KeyObject): Buffer {
  if (alg === 'RSA-OAEP-256') {
    return privateDecrypt({ key: privateKey, oaepHash: 'sha256', padding: constants.RSA_PKCS1_OAEP_PADDING }, wrapped);
  }
  const publicKey = createPublicKey({ key: { ...epk }, format: 'jwk' });
  const secret = diffieHellman({ privateKey, publicKey });
  const uint32 = (value: number): Buffer => Buffer.from([0, 0, value >> 8, value & 255]);
  const kek = createHash('sha256')
    .update(Buffer.concat([uint32(1), secret, uint32(14), Buffer.from(alg), uint32(0), uint32(0), uint32(256)]))
    .digest();
  const decipher = createDecipheriv('id-aes256-wrap', kek, Buffer.alloc(8, 0xa6));
  return Buffer.concat([decipher.update(wrapped), decipher.final()]);
}

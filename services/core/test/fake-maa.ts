import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject, KeyPairKeyObjectResult } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createCertificate } from '@holdfast/attestation';

export interface FakeMaa {
  /** Base URL, which is also the issuer. */
  readonly url: string;
  /** How often the keys were fetched. */
  fetches(): number;
  /** What `/certs` answers from now on: the current key, nothing useful, or no answer at all. */
  answer: 'keys' | 'empty' | 'error' | 'garbage' | 'silence';
  /** Gives the service a new signing key with a new key id. */
  rotate(): void;
  /** A signed token; `header` replaces or (undefined) removes header members. */
  token(claims: Readonly<Record<string, unknown>>, options?: TokenOptions): string;
  close(): Promise<void>;
}

export interface TokenOptions {
  readonly header?: Readonly<Record<string, unknown>>;
  /** Signs with a key that is not published. */
  readonly foreignKey?: boolean;
}

const YEAR_MS = 365 * 24 * 3600 * 1000;

/** Of the signers, by generation, and of a stranger: making them for each test would take longer than the tests. */
const KEYS: KeyPairKeyObjectResult[] = [];
const FOREIGN = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

function keysOf(generation: number): KeyPairKeyObjectResult {
  return (KEYS[generation] ??= generateKeyPairSync('rsa', { modulusLength: 2048 }));
}

/** A small attestation service: publishes one RSA key as JWK with `x5c` and signs whatever a test wants said. */
export async function startFakeMaa(now: number): Promise<FakeMaa> {
  let generation = 0;
  let fetches = 0;
  let current = createSigner(generation, now);
  const server = createServer((request, response) => {
    if (request.url !== '/certs') {
      response.writeHead(404).end();
      return;
    }
    fetches += 1;
    if (maa.answer === 'silence') return;
    if (maa.answer === 'error') {
      response.writeHead(503).end('busy');
      return;
    }
    const body =
      maa.answer === 'garbage' ? 'no JSON' : JSON.stringify({ keys: maa.answer === 'empty' ? [] : [current.jwk] });
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const maa: FakeMaa = {
    url,
    answer: 'keys',
    fetches: () => fetches,
    rotate() {
      generation += 1;
      current = createSigner(generation, now);
    },
    token(claims, options = {}) {
      const header = { alg: 'RS256', jku: `${url}/certs`, kid: current.kid, typ: 'JWT', ...options.header };
      const signed = `${part(header)}.${part(claims)}`;
      const key = options.foreignKey === true ? FOREIGN : current.privateKey;
      return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return maa;
}

function createSigner(generation: number, now: number): { kid: string; jwk: object; privateKey: KeyObject } {
  const { privateKey, publicKey } = keysOf(generation);
  const name = [{ type: 'CN', value: `Fake attestation service ${generation}` }];
  const certificate = createCertificate({
    subject: name,
    issuer: name,
    publicKey,
    signingKey: privateKey,
    serial: BigInt(generation + 1),
    notBefore: now - YEAR_MS,
    notAfter: now + YEAR_MS,
    signatureAlgorithm: 'rsa-sha256',
  });
  const kid = `key-${generation}`;
  const { n, e } = publicKey.export({ format: 'jwk' });
  const x5c = [Buffer.from(certificate.der).toString('base64')];
  return { kid, privateKey, jwk: { alg: 'RS256', e, kid, kty: 'RSA', n, use: 'sig', x5c } };
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

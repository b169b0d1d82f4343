import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import {
  basicConstraintsExtension,
  createCertificate,
  extendedKeyUsageExtension,
  parseJsonObject,
  subjectAltNameExtension,
} from '@holdfast/attestation';
import type { Certificate } from '@holdfast/attestation';
import {
  evaluateAuthority,
  findEncryptionKey,
  formatReleaseResponse,
  parseReleasePolicy,
  parseReleaseRequest,
  wrapKeyMaterial,
} from '@holdfast/key-release';
import type { PublicJwk, ReleaseResponse } from '@holdfast/key-release';
import type { HttpRequest } from '@holdfast/http';

import { answerOf, NOW, random } from './pod.ts';
import type { Send } from './pod.ts';

export const VAULT = 'my-vault.vault.azure.net';
export const VERSION = '0123456789abcdef0123456789abcdef';
const HOUR = 3_600_000;
const WEB_SERVER = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** A vault without sockets: one key, one policy, and a web server certificate that signs what it releases. */
export interface FakeVault {
  readonly send: Send;
  readonly root: Certificate;
  /** Requests for a release. */
  readonly requests: HttpRequest[];
}

export function fakeVault(options: {
  readonly key: PublicJwk;
  readonly material: Uint8Array;
  /** Claims that the policy asks for. */
  readonly claims: Readonly<Record<string, string>>;
  /** Changes what the vault answers, before it is signed. */
  readonly edit?: (response: ReleaseResponse) => ReleaseResponse;
}): FakeVault {
  const { signingKey, leaf, root } = webServer();
  const requests: HttpRequest[] = [];
  const conditions = Object.entries(options.claims).map(([claim, equals]) => ({ claim, equals }));
  const [authority] = parseReleasePolicy(
    JSON.stringify({ version: '1.0.0', anyOf: [{ authority: 'https://attest.test', allOf: conditions }] }),
  ).anyOf;
  const send: Send = (request) => {
    requests.push(request);
    const { target, nonce, algorithm } = parseReleaseRequest(request.body ?? '');
    const claims = parseJsonObject(Buffer.from(target.split('.')[1] ?? '', 'base64url'), 'X');
    if (authority === undefined || !evaluateAuthority(authority, claims).satisfied) {
      return answerOf(403, { error: { code: 'Forbidden', message: 'does not meet key release policy requirements' } });
    }
    const { kid, publicKey } = findEncryptionKey(claims);
    const { origin, pathname } = new URL(request.url);
    const requested = `${origin}${pathname.replace(/\/release$/, '')}`;
    const response: ReleaseResponse = {
      request: { kid: requested, nonce, algorithm },
      key: { ...options.key, kid: requested.includes(VERSION) ? requested : `${requested}/${VERSION}` },
      attributes: {},
      releasePolicy: {},
      encryptionKeyId: kid,
      ciphertext: wrapKeyMaterial({ publicKey, material: options.material, algorithm, random }),
    };
    const value = formatReleaseResponse(options.edit?.(response) ?? response, {
      signingKey,
      chain: [leaf, root],
      apiVersion: '7.4',
    });
    return answerOf(200, { value });
  };
  return { send, root, requests };
}

function webServer(): { readonly signingKey: KeyObject; readonly leaf: Certificate; readonly root: Certificate } {
  const rootKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = WEB_SERVER;
  const common = {
    issuer: [{ type: 'CN', value: 'root' }],
    signingKey: rootKeys.privateKey,
    serial: random(8),
    notBefore: NOW - HOUR,
    notAfter: NOW + HOUR,
    signatureAlgorithm: 'ecdsa-sha256',
  } as const;
  const root = createCertificate({
    ...common,
    subject: common.issuer,
    publicKey: rootKeys.publicKey,
    extensions: [basicConstraintsExtension({ ca: true })],
  });
  const leaf = createCertificate({
    ...common,
    subject: [{ type: 'CN', value: VAULT }],
    publicKey: keys.publicKey,
    extensions: [
      extendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1']),
      subjectAltNameExtension({ dns: ['*.vault.azure.net'] }),
    ],
  });
  return { signingKey: keys.privateKey, leaf, root };
}

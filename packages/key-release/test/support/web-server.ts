import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import {
  basicConstraintsExtension,
  createCertificate,
  extendedKeyUsageExtension,
  keyUsageExtension,
  subjectAltNameExtension,
} from '@holdfast/attestation';
import type { Certificate } from '@holdfast/attestation';

export const NOW = Date.UTC(2026, 5, 1);
export const DAY = 86_400_000;
export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

export interface WebServer {
  readonly signingKey: KeyObject;
  readonly leaf: Certificate;
  readonly intermediate: Certificate;
  readonly root: Certificate;
}

export interface WebServerOverrides {
  readonly dns?: readonly string[];
  readonly purposes?: readonly string[];
  readonly leafNotAfter?: number;
  readonly intermediateNotAfter?: number;
  readonly intermediateIsAuthority?: boolean;
  readonly rootPathLength?: number;
  readonly leafBits?: number;
}

export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** A web server certificate under a private authority with one intermediate. */
export function webServer(over: WebServerOverrides = {}): WebServer {
  const rootKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const intermediateKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const leafKeys = generateKeyPairSync('rsa', { modulusLength: over.leafBits ?? 2048 });
  const name = (value: string) => [{ type: 'CN', value }];
  const common = { notBefore: NOW - DAY, serial: random(8), signatureAlgorithm: 'ecdsa-sha256' } as const;
  const root = createCertificate({
    ...common,
    subject: name('root'),
    issuer: name('root'),
    publicKey: rootKeys.publicKey,
    signingKey: rootKeys.privateKey,
    notAfter: NOW + DAY,
    extensions: [
      basicConstraintsExtension({ ca: true, pathLength: over.rootPathLength ?? 1 }),
      keyUsageExtension(['keyCertSign']),
    ],
  });
  const intermediate = createCertificate({
    ...common,
    subject: name('intermediate'),
    issuer: name('root'),
    publicKey: intermediateKeys.publicKey,
    signingKey: rootKeys.privateKey,
    notAfter: over.intermediateNotAfter ?? NOW + DAY,
    extensions: [basicConstraintsExtension({ ca: over.intermediateIsAuthority ?? true })],
  });
  const leaf = createCertificate({
    ...common,
    subject: name('vault'),
    issuer: name('intermediate'),
    publicKey: leafKeys.publicKey,
    signingKey: intermediateKeys.privateKey,
    notAfter: over.leafNotAfter ?? NOW + DAY,
    extensions: [
      keyUsageExtension(['digitalSignature']),
      extendedKeyUsageExtension(over.purposes ?? [SERVER_AUTH]),
      subjectAltNameExtension({ dns: over.dns ?? ['*.vault.azure.net'], ip: ['127.0.0.1'] }),
    ],
  });
  return { signingKey: leafKeys.privateKey, leaf, intermediate, root };
}

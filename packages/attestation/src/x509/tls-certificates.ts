import type { KeyObject } from 'node:crypto';

import type { Certificate } from './certificate.ts';
import {
  authorityKeyIdentifierExtension,
  basicConstraintsExtension,
  createCertificate,
  extendedKeyUsageExtension,
  keyUsageExtension,
  subjectAltNameExtension,
  subjectKeyIdentifierExtension,
} from './create-certificate.ts';
import { isIpAddress } from './ip-address.ts';

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

interface Validity {
  /** Random bytes, at most 20. */
  readonly serial: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface AuthorityCertificateRequest extends Validity {
  readonly commonName: string;
  /** EC. */
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A self-signed authority that issues certificates of servers and none of authorities (RFC 5280 section 4.2.1.9). */
export function createAuthorityCertificate(request: AuthorityCertificateRequest): Certificate {
  const name = [{ type: 'CN', value: request.commonName }];
  return createCertificate({
    subject: name,
    issuer: name,
    publicKey: request.publicKey,
    signingKey: request.privateKey,
    serial: request.serial,
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    extensions: [
      basicConstraintsExtension({ ca: true, pathLength: 0 }),
      keyUsageExtension(['keyCertSign', 'cRLSign']),
      subjectKeyIdentifierExtension(request.publicKey),
    ],
    signatureAlgorithm: 'ecdsa-sha256',
  });
}

export interface TlsAuthority {
  readonly certificate: Certificate;
  readonly privateKey: KeyObject;
}

export interface ServerCertificateOptions extends Validity {
  /** DNS names and IP addresses; the first is the common name too. */
  readonly hosts: readonly string[];
  readonly publicKey: KeyObject;
}

/** A certificate of a TLS server (RFC 5280 section 4.2.1.12). */
export function createServerCertificate(authority: TlsAuthority, options: ServerCertificateOptions): Certificate {
  const { hosts, publicKey } = options;
  return createCertificate({
    subject: [{ type: 'CN', value: hosts[0] ?? 'localhost' }],
    issuer: authority.certificate.subject,
    publicKey,
    signingKey: authority.privateKey,
    serial: options.serial,
    notBefore: options.notBefore,
    notAfter: options.notAfter,
    extensions: [
      basicConstraintsExtension({ ca: false }),
      keyUsageExtension(['digitalSignature']),
      extendedKeyUsageExtension([SERVER_AUTH]),
      subjectAltNameExtension({
        dns: hosts.filter((host) => !isIpAddress(host)),
        ip: hosts.filter((host) => isIpAddress(host)),
      }),
      subjectKeyIdentifierExtension(publicKey),
      authorityKeyIdentifierExtension(authority.certificate.publicKey),
    ],
    signatureAlgorithm: 'ecdsa-sha256',
  });
}

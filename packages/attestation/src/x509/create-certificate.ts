import { constants, createHash, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { concatBytes, toUtf8 } from '@holdfast/base';

import { contextTag, DerReader, tag } from '../der/reader.ts';
import {
  derBitString,
  derBoolean,
  derElement,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derTime,
} from '../der/writer.ts';
import { extensionOid, keyUsageBits, parseCertificate } from './certificate.ts';
import type { Certificate, CertificateExtension, KeyUsage } from './certificate.ts';
import { parseIpAddress } from './ip-address.ts';
import { writeName } from './name.ts';
import type { DistinguishedName } from './name.ts';

export type CreateSignatureAlgorithm = 'rsa-pss-sha384' | 'rsa-sha256' | 'rsa-sha384' | 'ecdsa-sha256' | 'ecdsa-sha384';

export interface CreateCertificateOptions {
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  /** The subject's public key. */
  readonly publicKey: KeyObject;
  /** The issuer's private key. */
  readonly signingKey: KeyObject;
  /** Serial number: a non-negative integer, or its unsigned big-endian bytes. */
  readonly serial: bigint | Uint8Array;
  /** Milliseconds since the epoch; fractions of a second are cut off. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions?: readonly CertificateExtension[];
  readonly signatureAlgorithm: CreateSignatureAlgorithm;
}

/** Makes and signs an X.509 version 3 certificate. `.der` holds the bytes; `certificatesToPem([c])` the PEM. */
export function createCertificate(options: CreateCertificateOptions): Certificate {
  const extensions = options.extensions ?? [];
  const algorithm = algorithmIdentifier(options.signatureAlgorithm);
  const tbs = derSequence(
    derElement(contextTag(0), derInteger(2)),
    derInteger(options.serial),
    algorithm,
    writeName(options.issuer),
    derSequence(derTime(options.notBefore), derTime(options.notAfter)),
    writeName(options.subject),
    options.publicKey.export({ format: 'der', type: 'spki' }),
    ...(extensions.length === 0 ? [] : [derElement(contextTag(3), derSequence(...extensions.map(writeExtension)))]),
  );
  return parseCertificate(
    derSequence(tbs, algorithm, derBitString(signTbs(tbs, options.signingKey, options.signatureAlgorithm))),
  );
}

/** basicConstraints, critical. */
export function basicConstraintsExtension(options: {
  readonly ca: boolean;
  readonly pathLength?: number;
}): CertificateExtension {
  const value = derSequence(
    // FALSE is the default and DER leaves defaults out.
    ...(options.ca ? [derBoolean(true)] : []),
    ...(options.pathLength === undefined ? [] : [derInteger(options.pathLength)]),
  );
  return { oid: extensionOid.basicConstraints, critical: true, value };
}

/** keyUsage, critical. */
export function keyUsageExtension(usages: readonly KeyUsage[]): CertificateExtension {
  const bits = usages.map((usage) => keyUsageBits.indexOf(usage));
  const last = Math.max(0, ...bits);
  const bytes = new Uint8Array((last >> 3) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return { oid: extensionOid.keyUsage, critical: true, value: derBitString(bytes, 7 - (last & 7)) };
}

/** extendedKeyUsage from dotted object identifiers; TLS server authentication is 1.3.6.1.5.5.7.3.1. */
export function extendedKeyUsageExtension(oids: readonly string[]): CertificateExtension {
  return { oid: extensionOid.extendedKeyUsage, critical: false, value: derSequence(...oids.map(derOid)) };
}

/**
 * subjectAltName. IP addresses are textual IPv4 or IPv6.
 * @throws RequestError X509_IP_ADDRESS_INVALID
 */
export function subjectAltNameExtension(names: {
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly uri?: readonly string[];
}): CertificateExtension {
  const value = derSequence(
    ...(names.dns ?? []).map((name) => derElement(contextTag(2, false), toUtf8(name))),
    ...(names.uri ?? []).map((name) => derElement(contextTag(6, false), toUtf8(name))),
    ...(names.ip ?? []).map((address) => derElement(contextTag(7, false), parseIpAddress(address))),
  );
  return { oid: extensionOid.subjectAltName, critical: false, value };
}

/** subjectKeyIdentifier: SHA-1 of the public key bits (RFC 5280 section 4.2.1.2, method 1). */
export function subjectKeyIdentifierExtension(publicKey: KeyObject): CertificateExtension {
  return {
    oid: extensionOid.subjectKeyIdentifier,
    critical: false,
    value: derOctetString(keyIdentifier(publicKey)),
  };
}

/** authorityKeyIdentifier with the key identifier of the issuer's public key. */
export function authorityKeyIdentifierExtension(issuerPublicKey: KeyObject): CertificateExtension {
  const value = derSequence(derElement(contextTag(0, false), keyIdentifier(issuerPublicKey)));
  return { oid: extensionOid.authorityKeyIdentifier, critical: false, value };
}

function keyIdentifier(publicKey: KeyObject): Uint8Array {
  const spki = new DerReader(publicKey.export({ format: 'der', type: 'spki' }), 'X509_CERTIFICATE_MALFORMED');
  const sequence = spki.enter(tag.sequence);
  sequence.next(tag.sequence);
  return createHash('sha1').update(sequence.bitStringBytes()).digest();
}

/** The DER of an Extension. */
export function writeExtension(extension: CertificateExtension): Uint8Array {
  return derSequence(
    derOid(extension.oid),
    ...(extension.critical ? [derBoolean(true)] : []),
    derOctetString(extension.value),
  );
}

/** The DER of an AlgorithmIdentifier for signatures. */
export function algorithmIdentifier(algorithm: CreateSignatureAlgorithm): Uint8Array {
  switch (algorithm) {
    case 'rsa-pss-sha384': {
      const sha384 = derSequence(derOid('2.16.840.1.101.3.4.2.2'), derNull());
      return derSequence(
        derOid('1.2.840.113549.1.1.10'),
        derSequence(
          derElement(contextTag(0), sha384),
          derElement(contextTag(1), derSequence(derOid('1.2.840.113549.1.1.8'), sha384)),
          derElement(contextTag(2), derInteger(48)),
        ),
      );
    }
    case 'rsa-sha256':
      return derSequence(derOid('1.2.840.113549.1.1.11'), derNull());
    case 'rsa-sha384':
      return derSequence(derOid('1.2.840.113549.1.1.12'), derNull());
    case 'ecdsa-sha256':
      return derSequence(derOid('1.2.840.10045.4.3.2'));
    default:
      return derSequence(derOid('1.2.840.10045.4.3.3'));
  }
}

/** The signature over the part to be signed. */
export function signTbs(tbs: Uint8Array, key: KeyObject, algorithm: CreateSignatureAlgorithm): Uint8Array {
  const hash = algorithm.endsWith('sha256') ? 'sha256' : 'sha384';
  const signature =
    algorithm === 'rsa-pss-sha384'
      ? sign(hash, tbs, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 })
      : sign(hash, tbs, key);
  return concatBytes(signature);
}

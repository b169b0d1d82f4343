import { Buffer } from 'node:buffer';
import { constants, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { equalBytes, fromUtf8, MalformedError } from '@holdfast/base';

import { contextTag, DerReader, tag } from '../der/reader.ts';
import type { DerElement } from '../der/reader.ts';
import { readPem, writePem } from './pem.ts';
import { readName } from './name.ts';
import type { DistinguishedName } from './name.ts';

export interface CertificateExtension {
  /** Dotted object identifier. */
  readonly oid: string;
  readonly critical: boolean;
  /** The content of extnValue, still DER (or raw where an issuer puts raw bytes). */
  readonly value: Uint8Array;
}

/** How a certificate was signed, with explicit parameters where the algorithm has them. */
export type SignatureAlgorithm =
  | { readonly kind: 'rsa-pss'; readonly hash: string; readonly mgfHash: string; readonly saltLength: number }
  | { readonly kind: 'rsa-pkcs1'; readonly hash: string }
  | { readonly kind: 'ecdsa'; readonly hash: string }
  | { readonly kind: 'unknown'; readonly oid: string };

/** A parsed X.509 version 3 certificate. Byte fields are views of `der`. */
export interface Certificate {
  readonly der: Uint8Array;
  readonly tbs: Uint8Array;
  /** The content bytes of the serial number INTEGER. */
  readonly serial: Uint8Array;
  readonly issuer: DistinguishedName;
  readonly issuerDer: Uint8Array;
  readonly subject: DistinguishedName;
  readonly subjectDer: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly publicKey: KeyObject;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly extensions: readonly CertificateExtension[];
  /** basicConstraints, when present. */
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  /** keyUsage bit names, when present. */
  readonly keyUsage: readonly KeyUsage[] | undefined;
  /** extendedKeyUsage object identifiers, when present. */
  readonly extendedKeyUsage: readonly string[] | undefined;
}

/** Object identifiers of the standard extensions this package interprets (RFC 5280 section 4.2.1). */
export const extensionOid = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

export type KeyUsage =
  | 'digitalSignature'
  | 'contentCommitment'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'cRLSign'
  | 'encipherOnly'
  | 'decipherOnly';

/** The named bits of KeyUsage, most significant bit of the first byte first. */
export const keyUsageBits: readonly KeyUsage[] = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
];

const CODE = 'X509_CERTIFICATE_MALFORMED';
const MAX_BUNDLE_BYTES = 64 * 1024;
const MAX_BUNDLE_CERTIFICATES = 16;

const HASHES: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const SIGNATURES: Readonly<Record<string, SignatureAlgorithm>> = {
  '1.2.840.113549.1.1.11': { kind: 'rsa-pkcs1', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { kind: 'rsa-pkcs1', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { kind: 'rsa-pkcs1', hash: 'sha512' },
  '1.2.840.10045.4.3.2': { kind: 'ecdsa', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { kind: 'ecdsa', hash: 'sha384' },
  '1.2.840.10045.4.3.4': { kind: 'ecdsa', hash: 'sha512' },
};
const RSASSA_PSS = '1.2.840.113549.1.1.10';
const MGF1 = '1.2.840.113549.1.1.8';

/**
 * Reads one DER certificate (RFC 5280), strictly.
 * @throws MalformedError X509_CERTIFICATE_MALFORMED
 */
export function parseCertificate(der: Uint8Array): Certificate {
  const outer = new DerReader(der, CODE);
  const certificate = outer.enter(tag.sequence);
  outer.end();
  const tbsElement = certificate.next(tag.sequence);
  const algorithm = certificate.next(tag.sequence);
  const signature = certificate.bitStringBytes();
  certificate.end();

  const tbs = certificate.inside(tbsElement);
  const versionElement = tbs.optional(contextTag(0));
  const version = versionElement === undefined ? 0 : tbs.inside(versionElement).smallInteger();
  const serial = tbs.integerBytes();
  const innerAlgorithm = tbs.next(tag.sequence);
  if (!equalBytes(innerAlgorithm.der, algorithm.der)) throw tbs.malformed('two different signature algorithms');
  const issuer = tbs.next(tag.sequence);
  const validity = tbs.enter(tag.sequence);
  const notBefore = readTime(validity);
  const notAfter = readTime(validity);
  validity.end();
  const subject = tbs.next(tag.sequence);
  const spki = tbs.next(tag.sequence).der;
  tbs.optional(contextTag(1, false));
  tbs.optional(contextTag(2, false));
  const extensionsElement = tbs.optional(contextTag(3));
  tbs.end();
  if (version !== 2 && (version !== 0 || extensionsElement !== undefined)) throw tbs.malformed('not version 3');
  const extensions = extensionsElement === undefined ? [] : readExtensions(tbs.inside(extensionsElement));

  return {
    der,
    tbs: tbsElement.der,
    serial,
    issuer: readNameOf(issuer),
    issuerDer: issuer.der,
    subject: readNameOf(subject),
    subjectDer: subject.der,
    notBefore,
    notAfter,
    spki,
    publicKey: readPublicKey(spki),
    signatureAlgorithm: readSignatureAlgorithm(certificate.inside(algorithm)),
    signature,
    extensions,
    basicConstraints: readBasicConstraints(extensions),
    keyUsage: readKeyUsage(extensions),
    extendedKeyUsage: readExtendedKeyUsage(extensions),
  };
}

/**
 * Reads certificates from PEM text (one or more blocks, LF or CRLF) or a single DER certificate. At most 64 KiB.
 * @throws MalformedError X509_CERTIFICATE_MALFORMED, X509_PEM_MALFORMED
 */
export function parseCertificates(input: string | Uint8Array): readonly Certificate[] {
  if (input.length > MAX_BUNDLE_BYTES) {
    throw new MalformedError(
      'X509_PEM_MALFORMED',
      `certificate bundle of ${input.length} bytes, at most ${MAX_BUNDLE_BYTES}`,
    );
  }
  if (typeof input !== 'string' && input[0] === tag.sequence) return [parseCertificate(input)];
  const blocks = readPem(typeof input === 'string' ? input : readPemBytes(input), 'CERTIFICATE');
  if (blocks.length > MAX_BUNDLE_CERTIFICATES) {
    throw new MalformedError('X509_PEM_MALFORMED', `${blocks.length} certificates, at most ${MAX_BUNDLE_CERTIFICATES}`);
  }
  return blocks.map(parseCertificate);
}

/** PEM text of certificates, 64 columns, LF, ending with a newline. */
export function certificatesToPem(certificates: readonly Certificate[]): string {
  return certificates.map((certificate) => writePem('CERTIFICATE', certificate.der)).join('');
}

/** What an issuer signs: a certificate, or a list of revoked ones. */
export type SignedStructure = Pick<Certificate, 'tbs' | 'signature' | 'signatureAlgorithm'>;

/** Whether `signed` carries a valid signature by `issuerKey`, by the algorithm it names (RSA-PSS, PKCS#1, ECDSA; SHA-256/384/512). */
export function verifyCertificateSignature(signed: SignedStructure, issuerKey: KeyObject): boolean {
  const { signatureAlgorithm: algorithm, tbs, signature } = signed;
  const keyType = issuerKey.asymmetricKeyType;
  try {
    switch (algorithm.kind) {
      case 'rsa-pss':
        // node:crypto takes the same hash for message and mask; SHA-1 is not accepted for new signatures.
        if (keyType !== 'rsa' || algorithm.hash !== algorithm.mgfHash || algorithm.hash === 'sha1') return false;
        return verify(
          algorithm.hash,
          tbs,
          { key: issuerKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: algorithm.saltLength },
          signature,
        );
      case 'rsa-pkcs1':
        return keyType === 'rsa' && verify(algorithm.hash, tbs, issuerKey, signature);
      case 'ecdsa':
        return keyType === 'ec' && verify(algorithm.hash, tbs, issuerKey, signature);
      default:
        return false;
    }
  } catch {
    // OpenSSL throws for signatures it cannot even decode: those do not verify either.
    return false;
  }
}

function readNameOf(element: DerElement): DistinguishedName {
  try {
    return readName(element, CODE);
  } catch (cause) {
    throw new MalformedError(CODE, 'a distinguished name that cannot be read', { cause });
  }
}

function readPublicKey(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new MalformedError(CODE, 'a public key that cannot be read', { cause });
  }
}

function readPemBytes(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw new MalformedError('X509_PEM_MALFORMED', 'neither a DER certificate nor PEM text', { cause });
  }
}

/** A UTCTime or GeneralizedTime in whole seconds (RFC 5280 section 4.1.2.5), as milliseconds since the epoch. */
export function readTime(reader: DerReader): number {
  const element = reader.next();
  const text = String.fromCharCode(...element.content);
  const match = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  const [, year = '', month, day, hour, minute, second] = match ?? [];
  if (match === null || year.length !== (element.tag === tag.utcTime ? 2 : 4)) throw reader.malformed('a time');
  if (element.tag !== tag.utcTime && element.tag !== tag.generalizedTime) throw reader.malformed('a time');
  const fullYear = year.length === 4 ? year : `${Number(year) < 50 ? '20' : '19'}${year}`;
  const iso = `${fullYear}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const milliseconds = Date.parse(iso);
  // Date.parse rolls some impossible dates over (30 February): such a time does not print back as it was.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString() !== iso) throw reader.malformed('a time');
  return milliseconds;
}

/** The Extensions that fill `reader`. */
export function readExtensions(reader: DerReader): readonly CertificateExtension[] {
  const list = reader.enter(tag.sequence);
  reader.end();
  const extensions: CertificateExtension[] = [];
  while (!list.done) {
    const entry = list.enter(tag.sequence);
    const oid = entry.oid();
    const critical = entry.peek === tag.boolean ? entry.boolean() : false;
    const value = entry.next(tag.octetString).content;
    entry.end();
    extensions.push({ oid, critical, value });
  }
  return extensions;
}

/** The single extension with this identifier; a second one makes the certificate malformed (RFC 5280 section 4.2). */
function standardExtension(extensions: readonly CertificateExtension[], oid: string): DerReader | undefined {
  const [first, second] = extensions.filter((extension) => extension.oid === oid);
  if (second !== undefined) throw new MalformedError(CODE, `extension ${oid} stands twice`);
  return first === undefined ? undefined : new DerReader(first.value, CODE);
}

function readBasicConstraints(extensions: readonly CertificateExtension[]): Certificate['basicConstraints'] {
  const reader = standardExtension(extensions, extensionOid.basicConstraints);
  if (reader === undefined) return undefined;
  const sequence = reader.enter(tag.sequence);
  reader.end();
  const ca = sequence.peek === tag.boolean ? sequence.boolean() : false;
  const pathLength = sequence.peek === tag.integer ? sequence.smallInteger() : undefined;
  sequence.end();
  return { ca, pathLength };
}

function readKeyUsage(extensions: readonly CertificateExtension[]): readonly KeyUsage[] | undefined {
  const reader = standardExtension(extensions, extensionOid.keyUsage);
  if (reader === undefined) return undefined;
  const { content } = reader.next(tag.bitString);
  reader.end();
  return keyUsageBits.filter((_, bit) => ((content[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

function readExtendedKeyUsage(extensions: readonly CertificateExtension[]): readonly string[] | undefined {
  const reader = standardExtension(extensions, extensionOid.extendedKeyUsage);
  if (reader === undefined) return undefined;
  const sequence = reader.enter(tag.sequence);
  reader.end();
  const oids: string[] = [];
  while (!sequence.done) oids.push(sequence.oid());
  return oids;
}

/** The content of an AlgorithmIdentifier for signatures. */
export function readSignatureAlgorithm(reader: DerReader): SignatureAlgorithm {
  const oid = reader.oid();
  if (oid === RSASSA_PSS) return readPssParameters(reader);
  const known = SIGNATURES[oid];
  if (known === undefined) return { kind: 'unknown', oid };
  if (reader.optional(tag.null) !== undefined && known.kind === 'ecdsa') throw reader.malformed('parameters of ECDSA');
  reader.end();
  return known;
}

/** RSASSA-PSS-params (RFC 4055 section 3.1) with its defaults; trailer field 1 may be spelled out. */
function readPssParameters(reader: DerReader): SignatureAlgorithm {
  const sequence = reader.enter(tag.sequence);
  reader.end();
  const hashElement = sequence.optional(contextTag(0));
  const maskElement = sequence.optional(contextTag(1));
  const saltElement = sequence.optional(contextTag(2));
  const trailerElement = sequence.optional(contextTag(3));
  sequence.end();
  const hash = hashElement === undefined ? 'sha1' : readHash(sequence.inside(hashElement));
  let mgfHash: string | undefined = 'sha1';
  if (maskElement !== undefined) {
    const wrapper = sequence.inside(maskElement);
    const mask = wrapper.enter(tag.sequence);
    wrapper.end();
    mgfHash = mask.oid() === MGF1 ? readHash(mask) : undefined;
  }
  const saltLength = saltElement === undefined ? 20 : readWrappedInteger(sequence.inside(saltElement));
  const trailer = trailerElement === undefined ? 1 : readWrappedInteger(sequence.inside(trailerElement));
  if (hash === undefined || mgfHash === undefined || trailer !== 1) return { kind: 'unknown', oid: RSASSA_PSS };
  return { kind: 'rsa-pss', hash, mgfHash, saltLength };
}

function readHash(reader: DerReader): string | undefined {
  const algorithm = reader.enter(tag.sequence);
  reader.end();
  const oid = algorithm.oid();
  algorithm.optional(tag.null);
  algorithm.end();
  return HASHES[oid];
}

function readWrappedInteger(reader: DerReader): number {
  const value = reader.smallInteger();
  reader.end();
  return value;
}

import { createHash } from 'node:crypto';

import { equalBytes, MalformedError, PlatformError, toHex } from '@holdfast/base';

import { decodeCbor } from '../cbor/decode.ts';
import { isCborMap } from '../cbor/value.ts';
import type { CborMap, CborValue } from '../cbor/value.ts';
import { coseAlgorithm, decodeCoseSign1, verifyCoseSign1 } from '../cose/sign1.ts';
import type { CoseSign1 } from '../cose/sign1.ts';
import { parseCertificate, verifyCertificateSignature } from '../x509/certificate.ts';
import type { Certificate } from '../x509/certificate.ts';

/** What an AWS Nitro enclave says about itself, unverified. */
export interface NitroDocument {
  readonly envelope: CoseSign1;
  readonly moduleId: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** Platform configuration registers by index; SHA-384, 48 bytes each. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** The key that signed the document. */
  readonly certificate: Certificate;
  /** The issuers of the certificate, the root first. */
  readonly caBundle: readonly Certificate[];
  /** What the enclave put in: a key of its own choice, and any data. */
  readonly publicKey: Uint8Array | undefined;
  readonly userData: Uint8Array | undefined;
}

/** SHA-256 of the AWS Nitro Enclaves root certificate G1, as AWS publishes it. */
export const AWS_NITRO_ROOT_SHA256 = '641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b';

const CODE = 'ATTESTATION_NITRO_MALFORMED';
const MAX_CERTIFICATES = 8;
const PCR_LENGTHS: readonly number[] = [32, 48, 64];

/**
 * Reads an attestation document: a COSE_Sign1 array around a CBOR map.
 * @throws MalformedError CBOR_MALFORMED when it is no CBOR at all
 * @throws MalformedError ATTESTATION_NITRO_MALFORMED when it is CBOR of another shape, or a certificate cannot be read
 * @see AWS Nitro Enclaves, "Attestation process"
 */
export function parseNitroDocument(bytes: Uint8Array): NitroDocument {
  decodeCbor(bytes);
  const envelope = decodeCoseSign1(bytes, CODE);
  const payload = decodeCbor(envelope.payload);
  if (!isCborMap(payload)) throw malformed('the payload is not a map');
  const caBundle = payload.get('cabundle');
  if (!Array.isArray(caBundle) || caBundle.length === 0 || caBundle.length > MAX_CERTIFICATES) {
    throw malformed(`cabundle is not a list of 1 to ${MAX_CERTIFICATES} certificates`);
  }
  return {
    envelope,
    moduleId: required(payload, 'module_id', (value) => (typeof value === 'string' ? value : undefined)),
    timestamp: required(payload, 'timestamp', (value) => (typeof value === 'number' ? value : undefined)),
    pcrs: required(payload, 'pcrs', readPcrs),
    certificate: readCertificate(payload.get('certificate')),
    caBundle: (caBundle as readonly CborValue[]).map(readCertificate),
    publicKey: optionalBytes(payload, 'public_key'),
    userData: optionalBytes(payload, 'user_data'),
  };
}

/** Whether the document is signed (ES384) with the key of its own certificate. */
export function isNitroSignatureValid({ envelope, certificate }: NitroDocument): boolean {
  return coseAlgorithm(envelope) === 'ES384' && verifyCoseSign1(envelope, 'ES384', certificate.publicKey);
}

/**
 * Why the certificates do not lead to a trusted root at `now` (milliseconds since the epoch); undefined when they do. The
 * certificate that signed the document is part of the path. Revocation is not looked at; the certificates live for hours.
 * @param roots SHA-256 of trusted root certificates, lower-case hex.
 * @see RFC 5280 section 6.1
 */
export function nitroChainProblem(
  document: NitroDocument,
  { roots, now }: { readonly roots: readonly string[]; readonly now: number },
): string | undefined {
  const [root, ...below] = [...document.caBundle, document.certificate];
  if (root === undefined || !roots.includes(toHex(createHash('sha256').update(root.der).digest()))) {
    return 'the first certificate is not a trusted root';
  }
  let issuer = root;
  for (const [index, certificate] of [root, ...below].entries()) {
    if (now < certificate.notBefore || now > certificate.notAfter) return `certificate ${index} is not valid now`;
    if (!equalBytes(certificate.issuerDer, issuer.subjectDer)) return `certificate ${index} names another issuer`;
    if (!verifyCertificateSignature(certificate, issuer.publicKey))
      return `the signature of certificate ${index} fails`;
    const authorities = below.length - index - 1;
    if (index < below.length && !mayIssue(certificate, authorities)) return `certificate ${index} may not issue others`;
    issuer = certificate;
  }
  return undefined;
}

/** @param authorities How many further authorities follow below, the last certificate not counted. */
function mayIssue({ basicConstraints, keyUsage }: Certificate, authorities: number): boolean {
  if (basicConstraints?.ca !== true || keyUsage?.includes('keyCertSign') === false) return false;
  return basicConstraints.pathLength === undefined || basicConstraints.pathLength >= authorities;
}

function readPcrs(value: CborValue | undefined): ReadonlyMap<number, Uint8Array> | undefined {
  if (!isCborMap(value)) return undefined;
  const pcrs = new Map<number, Uint8Array>();
  for (const [index, digest] of value) {
    if (typeof index !== 'number' || !(digest instanceof Uint8Array) || !PCR_LENGTHS.includes(digest.length)) {
      return undefined;
    }
    pcrs.set(index, digest);
  }
  return pcrs;
}

function readCertificate(value: CborValue | undefined): Certificate {
  if (!(value instanceof Uint8Array)) throw malformed('a certificate is not a byte string');
  try {
    return parseCertificate(value);
  } catch (cause) {
    if (cause instanceof PlatformError) throw malformed(`a certificate: ${cause.message}`, cause);
    throw cause;
  }
}

function optionalBytes(payload: CborMap, name: string): Uint8Array | undefined {
  const value = payload.get(name);
  if (value === undefined || value === null) return undefined;
  if (!(value instanceof Uint8Array)) throw malformed(`${name} is not a byte string`);
  return value.length === 0 ? undefined : value;
}

function required<T>(payload: CborMap, name: string, read: (value: CborValue | undefined) => T | undefined): T {
  const value = read(payload.get(name));
  if (value === undefined) throw malformed(`${name} is missing or of another type`);
  return value;
}

function malformed(problem: string, cause?: unknown): MalformedError {
  return new MalformedError(CODE, `not a Nitro attestation document: ${problem}`, cause === undefined ? {} : { cause });
}

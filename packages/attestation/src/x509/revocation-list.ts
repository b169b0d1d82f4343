import type { KeyObject } from 'node:crypto';

import { equalBytes, errorMessage, fromUtf8, MalformedError } from '@holdfast/base';

import { contextTag, DerReader, tag } from '../der/reader.ts';
import { derBitString, derElement, derInteger, derSequence, derTime } from '../der/writer.ts';
import { readExtensions, readSignatureAlgorithm, readTime } from './certificate.ts';
import type { CertificateExtension, SignatureAlgorithm } from './certificate.ts';
import { algorithmIdentifier, signTbs, writeExtension } from './create-certificate.ts';
import type { CreateSignatureAlgorithm } from './create-certificate.ts';
import { writeName } from './name.ts';
import type { DistinguishedName } from './name.ts';
import { readPem } from './pem.ts';

/** A parsed certificate revocation list, version 1 or 2. Byte fields are views of `der`. */
export interface RevocationList {
  readonly der: Uint8Array;
  readonly tbs: Uint8Array;
  readonly issuerDer: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  /** Undefined when the issuer does not say when the next list comes. */
  readonly nextUpdate: number | undefined;
  /** The content bytes of the serial numbers of revoked certificates. */
  readonly revokedSerials: readonly Uint8Array[];
  readonly extensions: readonly CertificateExtension[];
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

const CODE = 'X509_REVOCATION_LIST_MALFORMED';
const MAX_BYTES = 1024 * 1024;
const CRL_NUMBER = '2.5.29.20';

/**
 * Reads a certificate revocation list, DER or PEM, at most 1 MiB. Does not verify its signature.
 * @throws MalformedError X509_REVOCATION_LIST_MALFORMED
 * @see RFC 5280 section 5.1
 */
export function parseRevocationList(input: Uint8Array): RevocationList {
  if (input.length > MAX_BYTES) {
    throw new MalformedError(CODE, `revocation list of ${input.length} bytes, at most ${MAX_BYTES}`);
  }
  const der = input[0] === tag.sequence ? input : readPemList(input);
  const outer = new DerReader(der, CODE);
  const list = outer.enter(tag.sequence);
  outer.end();
  const tbsElement = list.next(tag.sequence);
  const algorithm = list.next(tag.sequence);
  const signature = list.bitStringBytes();
  list.end();

  const tbs = list.inside(tbsElement);
  const version = tbs.peek === tag.integer ? tbs.smallInteger() : 0;
  if (version > 1) throw tbs.malformed('a version above 2');
  const innerAlgorithm = tbs.next(tag.sequence);
  if (!equalBytes(innerAlgorithm.der, algorithm.der)) throw tbs.malformed('two different signature algorithms');
  const issuer = tbs.next(tag.sequence);
  const thisUpdate = readTime(tbs);
  const nextUpdate = tbs.peek === tag.utcTime || tbs.peek === tag.generalizedTime ? readTime(tbs) : undefined;
  const revokedElement = tbs.optional(tag.sequence);
  const extensionsElement = tbs.optional(contextTag(0));
  tbs.end();
  return {
    der,
    tbs: tbsElement.der,
    issuerDer: issuer.der,
    thisUpdate,
    nextUpdate,
    revokedSerials: revokedElement === undefined ? [] : readSerials(tbs.inside(revokedElement)),
    extensions: extensionsElement === undefined ? [] : readExtensions(tbs.inside(extensionsElement)),
    signatureAlgorithm: readSignatureAlgorithm(list.inside(algorithm)),
    signature,
  };
}

/** Makes and signs a revocation list of version 2 with a CRL number; for authorities of our own, such as test roots. */
export function createRevocationList(options: {
  readonly issuer: DistinguishedName;
  readonly signingKey: KeyObject;
  readonly signatureAlgorithm: CreateSignatureAlgorithm;
  /** Milliseconds since the epoch; fractions of a second are cut off. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly revokedSerials: readonly bigint[];
}): RevocationList {
  const algorithm = algorithmIdentifier(options.signatureAlgorithm);
  const entries = options.revokedSerials.map((serial) => derSequence(derInteger(serial), derTime(options.thisUpdate)));
  const number = { oid: CRL_NUMBER, critical: false, value: derInteger(1) };
  const tbs = derSequence(
    derInteger(1),
    algorithm,
    writeName(options.issuer),
    derTime(options.thisUpdate),
    derTime(options.nextUpdate),
    ...(entries.length === 0 ? [] : [derSequence(...entries)]),
    derElement(contextTag(0), derSequence(writeExtension(number))),
  );
  const signature = signTbs(tbs, options.signingKey, options.signatureAlgorithm);
  return parseRevocationList(derSequence(tbs, algorithm, derBitString(signature)));
}

function readSerials(reader: DerReader): readonly Uint8Array[] {
  const serials: Uint8Array[] = [];
  while (!reader.done) {
    const entry = reader.enter(tag.sequence);
    serials.push(entry.integerBytes());
    readTime(entry);
    entry.optional(tag.sequence);
    entry.end();
  }
  return serials;
}

function readPemList(input: Uint8Array): Uint8Array {
  try {
    const [der, ...others] = readPem(fromUtf8(input), 'X509 CRL');
    if (der === undefined || others.length > 0) throw new MalformedError(CODE, 'more than one list');
    return der;
  } catch (cause) {
    throw new MalformedError(CODE, `neither a DER nor a PEM revocation list: ${errorMessage(cause)}`, { cause });
  }
}

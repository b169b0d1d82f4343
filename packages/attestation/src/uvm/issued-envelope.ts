import { createHash } from 'node:crypto';

import { equalBytes, errorMessage, MalformedError, PlatformError, toHex, VerificationError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import { CborTagged, isCborMap } from '../cbor/value.ts';
import type { CborMap, CborValue } from '../cbor/value.ts';
import { coseAlgorithm, coseHeader, decodeCoseSign1, verifyCoseSign1 } from '../cose/sign1.ts';
import type { CoseAlgorithm, CoseSign1 } from '../cose/sign1.ts';
import { parseCertificate } from '../x509/certificate.ts';
import type { Certificate } from '../x509/certificate.ts';
import { resolveDidX509 } from '../x509/did-x509.ts';

/** Who may issue statements under which feed, such as endorsements of utility VMs, and from which security version on. */
export interface UvmTrustEntry {
  /** did:x509 text, compared exactly. */
  readonly issuer: string;
  readonly feed: string;
  readonly minimumSvn: number;
  /** Default ['PS384']; a test root may add others. */
  readonly algorithms?: readonly CoseAlgorithm[];
  /** The value of `x-ms-compliance-status` that a match earns; none when absent. */
  readonly complianceStatus?: string;
  /** Statements signed earlier than this (ms since the epoch) are refused; for the day a signing key became unsafe. */
  readonly signedFrom?: number;
  /** Signing certificates that are refused: lower-case hex SHA-256 of the DER. */
  readonly refusedSigners?: readonly string[];
}

/** What an envelope says about itself; nothing of it is verified. */
export interface EnvelopeClaims {
  readonly envelope: CoseSign1;
  readonly cwt: CborMap | undefined;
  /** Milliseconds since the epoch, as the signer states it. */
  readonly signedAt: number;
}

/** A verified envelope. */
export interface IssuedEnvelope extends EnvelopeClaims {
  readonly issuer: string;
  readonly feed: string;
  readonly trust: UvmTrustEntry;
}

const FORMAT = 'UVM_FORMAT_INVALID';
const MAX_BYTES = 256 * 1024;
const SHA256 = -16;
const TIME_TAG = 1;
const MAX_CHAIN = 8;
const CLOCK_SKEW_MS = 300_000;

/**
 * Decodes an envelope and what its protected header says of its making.
 * @throws MalformedError UVM_FORMAT_INVALID
 */
export function readEnvelopeClaims(cose: Uint8Array): EnvelopeClaims {
  if (cose.length > MAX_BYTES)
    throw new MalformedError(FORMAT, `envelope of ${cose.length} bytes, at most ${MAX_BYTES}`);
  const envelope = decodeCoseSign1(cose, FORMAT);
  const header = envelope.protectedHeader;
  const cwt = readCwtClaims(header);
  return { envelope, cwt, signedAt: readTime(header.get('signingtime') ?? cwt?.get(6)) };
}

/**
 * Verifies that an envelope was signed by a trusted did:x509 issuer for a trusted feed. Certificates are judged at the
 * protected signing time, because a signing certificate lives one year and what it signed longer.
 * @throws MalformedError UVM_FORMAT_INVALID
 * @throws VerificationError UVM_ALGORITHM_REFUSED, UVM_CHAIN_INVALID, UVM_SIGNATURE_INVALID, UVM_ISSUER_UNTRUSTED, UVM_SIGNER_REFUSED,
 *   UVM_FEED_UNTRUSTED
 */
export function verifyIssuedEnvelope(
  cose: Uint8Array,
  options: { readonly trustedIssuers: readonly UvmTrustEntry[]; readonly now: Clock },
): IssuedEnvelope {
  const { envelope, cwt, signedAt } = readEnvelopeClaims(cose);
  const header = envelope.protectedHeader;
  if (signedAt > options.now() + CLOCK_SKEW_MS)
    throw new VerificationError('UVM_CHAIN_INVALID', 'the endorsement is signed in the future');

  const { trustedIssuers } = options;
  const algorithm = coseAlgorithm(envelope);
  if (algorithm === undefined || !trustedIssuers.some((entry) => allows(entry, algorithm))) {
    throw new VerificationError(
      'UVM_ALGORITHM_REFUSED',
      'the endorsement has a signature algorithm that is not allowed',
    );
  }
  const chain = readSigningChain(header);
  const [leaf] = chain;
  if (leaf === undefined || chain.length < 2)
    throw new VerificationError('UVM_CHAIN_INVALID', 'fewer than two certificates');
  checkThumbprint(header, leaf);
  if (!verifyCoseSign1(envelope, algorithm, leaf.publicKey)) {
    throw new VerificationError('UVM_SIGNATURE_INVALID', 'the signature of the endorsement does not hold');
  }

  const issuer = agreeing(header.get('iss'), cwt?.get(1), 'UVM_ISSUER_UNTRUSTED', 'issuer');
  const ofIssuer = trustedIssuers.filter((entry) => entry.issuer === issuer && allows(entry, algorithm));
  if (ofIssuer.length === 0)
    throw new VerificationError('UVM_ISSUER_UNTRUSTED', `endorsement by ${issuer}, who is not trusted`);
  resolveIssuer(issuer, chain, signedAt);
  const feed = agreeing(header.get('feed'), cwt?.get(2), 'UVM_FEED_UNTRUSTED', 'feed');
  const trust = ofIssuer.find((entry) => entry.feed === feed);
  if (trust === undefined)
    throw new VerificationError('UVM_FEED_UNTRUSTED', `feed "${feed}" is not trusted for its issuer`);
  checkSigner(trust, leaf, signedAt);
  return { envelope, cwt, signedAt, issuer, feed, trust };
}

/**
 * The certificates in a protected header, leaf first.
 * @throws VerificationError UVM_CHAIN_INVALID
 */
export function readSigningChain(header: CborMap): readonly Certificate[] {
  const value = header.get(coseHeader.x5chain);
  const list: readonly CborValue[] = Array.isArray(value) ? value : [value ?? null];
  if (list.length > MAX_CHAIN)
    throw new VerificationError('UVM_CHAIN_INVALID', `${list.length} certificates, at most ${MAX_CHAIN}`);
  return list.map((item) => {
    if (!(item instanceof Uint8Array)) throw new VerificationError('UVM_CHAIN_INVALID', 'no certificate chain');
    try {
      return parseCertificate(item);
    } catch (cause) {
      throw new VerificationError('UVM_CHAIN_INVALID', `chain: ${errorMessage(cause)}`, { cause });
    }
  });
}

function allows(entry: UvmTrustEntry, algorithm: CoseAlgorithm): boolean {
  return (entry.algorithms ?? ['PS384']).includes(algorithm);
}

function readCwtClaims(header: CborMap): CborMap | undefined {
  const claims = header.get(coseHeader.cwtClaims);
  if (claims === undefined || isCborMap(claims)) return claims;
  throw new MalformedError(FORMAT, 'CWT claims that are not a map');
}

/** Seconds, bare or tagged as time, as milliseconds. */
function readTime(value: CborValue | undefined): number {
  const seconds = value instanceof CborTagged && value.tag === TIME_TAG ? value.value : value;
  if (typeof seconds !== 'number' || seconds < 0 || seconds > 253_402_300_799) {
    throw new MalformedError(FORMAT, 'no protected signing time in whole seconds');
  }
  return seconds * 1000;
}

function checkThumbprint(header: CborMap, leaf: Certificate): void {
  const value = header.get(coseHeader.x5t);
  if (value === undefined) return;
  const [algorithm, digest] = Array.isArray(value) ? (value as readonly CborValue[]) : [];
  const expected = createHash('sha256').update(leaf.der).digest();
  if (algorithm !== SHA256 || !(digest instanceof Uint8Array) || !equalBytes(digest, expected)) {
    throw new VerificationError('UVM_CHAIN_INVALID', 'the thumbprint is not that of the leaf');
  }
}

/** A text that may stand in the header, in the CWT claims, or equally in both. */
function agreeing(header: CborValue | undefined, claim: CborValue | undefined, code: string, what: string): string {
  const value = header ?? claim;
  if (typeof value !== 'string') throw new VerificationError(code, `the endorsement names no ${what}`);
  if (claim !== undefined && claim !== value) throw new VerificationError(code, `the endorsement names two ${what}s`);
  return value;
}

function resolveIssuer(issuer: string, chain: readonly Certificate[], signedAt: number): void {
  try {
    resolveDidX509(issuer, chain, signedAt);
  } catch (cause) {
    if (!(cause instanceof PlatformError)) throw cause;
    throw new VerificationError('UVM_CHAIN_INVALID', cause.message, { cause });
  }
}

/** The signer states its own signing time, so a key that was stolen can only be shut out by name or by date. */
function checkSigner({ signedFrom, refusedSigners }: UvmTrustEntry, leaf: Certificate, signedAt: number): void {
  if (signedFrom !== undefined && signedAt < signedFrom)
    throw new VerificationError('UVM_SIGNER_REFUSED', 'the endorsement is older than its issuer is trusted');
  const thumbprint = toHex(createHash('sha256').update(leaf.der).digest());
  if (refusedSigners?.includes(thumbprint) === true)
    throw new VerificationError('UVM_SIGNER_REFUSED', `signing certificate ${thumbprint} is refused by configuration`);
}

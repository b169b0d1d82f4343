import { createHash } from 'node:crypto';

import {
  equalBytes,
  equalSecretBytes,
  errorMessage,
  fromHex,
  MalformedError,
  PlatformError,
  VerificationError,
} from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import { CborTagged, isCborMap } from '../cbor/value.ts';
import type { CborMap, CborValue } from '../cbor/value.ts';
import { coseAlgorithm, coseHeader, decodeCoseSign1, verifyCoseSign1 } from '../cose/sign1.ts';
import type { CoseAlgorithm, CoseSign1 } from '../cose/sign1.ts';
import { member, parseJsonObject } from '../json/json.ts';
import { parseCertificate } from '../x509/certificate.ts';
import type { Certificate } from '../x509/certificate.ts';
import { resolveDidX509 } from '../x509/did-x509.ts';

/** Who may endorse a utility VM, and from which security version on. */
export interface UvmTrustEntry {
  /** did:x509 text, compared exactly. */
  readonly issuer: string;
  readonly feed: string;
  readonly minimumSvn: number;
  /** Default ['PS384']; a test root may add ES384. */
  readonly algorithms?: readonly CoseAlgorithm[];
  /** The value of `x-ms-compliance-status` that a match earns; none when absent. */
  readonly complianceStatus?: string;
}

/** Microsoft's endorsement of container group utility VMs. */
export const productionUvmTrust: readonly UvmTrustEntry[] = [
  {
    issuer: 'did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2',
    feed: 'ContainerPlat-AMD-UVM',
    minimumSvn: 100,
    complianceStatus: 'azure-compliant-uvm',
  },
];

/** A verified endorsement: this measurement is that build. */
export interface UvmEndorsement {
  readonly issuer: string;
  readonly feed: string;
  readonly svn: number;
  /** 48 bytes. */
  readonly measurement: Uint8Array;
  /** Milliseconds since the epoch, as the signer states it. */
  readonly signedAt: number;
  readonly form: 'legacy' | 'hash-envelope';
  readonly trust: UvmTrustEntry;
}

const FORMAT = 'UVM_FORMAT_INVALID';
const MAX_BYTES = 256 * 1024;
const MEASUREMENT_SIZE = 48;
const SHA256 = -16;
const SHA384 = -43;
const TIME_TAG = 1;
const MAX_CHAIN = 8;
const CLOCK_SKEW_MS = 300_000;

/** Members of the payload of the legacy form. */
export const uvmPayloadMember = {
  guestSvn: 'x-ms-sevsnpvm-guestsvn',
  guestSvnInteger: 'x-ms-sevsnpvm-guestsvn-int',
  launchMeasurement: 'x-ms-sevsnpvm-launchmeasurement',
} as const;

/**
 * Verifies a UVM endorsement: a COSE_Sign1 envelope (RFC 9052) of at most 256 KiB with its chain in the header and a
 * did:x509 issuer. Certificates are judged at the protected signing time, because the signing certificate lives one year and
 * the endorsement longer. Transparency receipts and time stamps in the unprotected header are not read.
 * @param options.measurement The launch measurement of the verified report; checked when given.
 * @throws MalformedError UVM_FORMAT_INVALID
 * @throws VerificationError UVM_ALGORITHM_REFUSED, UVM_CHAIN_INVALID, UVM_SIGNATURE_INVALID, UVM_ISSUER_UNTRUSTED, UVM_FEED_UNTRUSTED,
 *   UVM_SVN_TOO_LOW, UVM_MEASUREMENT_MISMATCH
 */
export function verifyUvmEndorsement(
  cose: Uint8Array,
  options: {
    readonly trustedIssuers: readonly UvmTrustEntry[];
    readonly now: Clock;
    readonly measurement?: Uint8Array;
  },
): UvmEndorsement {
  if (cose.length > MAX_BYTES)
    throw new MalformedError(FORMAT, `endorsement of ${cose.length} bytes, at most ${MAX_BYTES}`);
  const envelope = decodeCoseSign1(cose, FORMAT);
  const header = envelope.protectedHeader;
  const cwt = readCwtClaims(header);
  const signedAt = readTime(header.get('signingtime') ?? cwt?.get(6));
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
  const chain = readChain(header);
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

  const form = header.has(coseHeader.payloadHashAlgorithm) ? 'hash-envelope' : 'legacy';
  const { svn, measurement } = form === 'legacy' ? readLegacyPayload(envelope) : readHashEnvelope(envelope, cwt);
  if (svn < trust.minimumSvn) {
    throw new VerificationError('UVM_SVN_TOO_LOW', `security version ${svn}, at least ${trust.minimumSvn} is required`);
  }
  if (options.measurement !== undefined && !equalSecretBytes(measurement, options.measurement)) {
    throw new VerificationError('UVM_MEASUREMENT_MISMATCH', 'the endorsement is for another launch measurement');
  }
  return { issuer, feed, svn, measurement, signedAt, form, trust };
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

function readChain(header: CborMap): readonly Certificate[] {
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

function readLegacyPayload({ payload }: CoseSign1): { svn: number; measurement: Uint8Array } {
  const object = parseJsonObject(payload, FORMAT);
  const text = member(object, uvmPayloadMember.guestSvn);
  if (typeof text !== 'string' || !/^(?:0|[1-9]\d{0,8})$/.test(text)) {
    throw new VerificationError('UVM_SVN_TOO_LOW', 'the security version is not a canonical decimal text');
  }
  const svn = Number(text);
  const integer = member(object, uvmPayloadMember.guestSvnInteger);
  if (integer !== undefined && integer !== svn)
    throw new VerificationError('UVM_SVN_TOO_LOW', 'two security versions that differ');
  const hex = member(object, uvmPayloadMember.launchMeasurement);
  if (typeof hex !== 'string' || !/^[0-9a-fA-F]{96}$/.test(hex)) {
    throw new MalformedError(FORMAT, 'the launch measurement is not 96 hex digits');
  }
  return { svn, measurement: fromHex(hex) };
}

function readHashEnvelope(
  { payload, protectedHeader }: CoseSign1,
  cwt: CborMap | undefined,
): { svn: number; measurement: Uint8Array } {
  if (protectedHeader.get(coseHeader.payloadHashAlgorithm) !== SHA384 || payload.length !== MEASUREMENT_SIZE) {
    throw new MalformedError(FORMAT, 'the payload is not a SHA-384 measurement');
  }
  const svn = cwt?.get('svn');
  if (typeof svn !== 'number' || svn < 0)
    throw new VerificationError('UVM_SVN_TOO_LOW', 'the security version is not an unsigned integer');
  return { svn, measurement: payload };
}

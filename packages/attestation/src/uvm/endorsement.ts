import { equalSecretBytes, fromHex, MalformedError, VerificationError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import type { CborMap } from '../cbor/value.ts';
import { coseHeader } from '../cose/sign1.ts';
import type { CoseSign1 } from '../cose/sign1.ts';
import { member, parseJsonObject } from '../json/json.ts';
import { readEnvelopeClaims, readSigningChain, verifyIssuedEnvelope } from './issued-envelope.ts';
import type { UvmTrustEntry } from './issued-envelope.ts';
import type { Certificate } from '../x509/certificate.ts';
import { readLedgerTrustList } from './ledger-keys.ts';
import type { LedgerKeys } from './ledger-keys.ts';
import { claimedLedgers, verifyTransparencyReceipts } from './receipt.ts';
import type { TransparencyReceipt } from './receipt.ts';

/** Microsoft's root for supply chain signatures, as did:x509 names it. */
const MICROSOFT_SUPPLY_CHAIN = 'did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s';

/** Microsoft's endorsements of utility VMs: of container groups, and of Kata guests on AKS. */
export const productionUvmTrust: readonly UvmTrustEntry[] = [
  {
    issuer: `${MICROSOFT_SUPPLY_CHAIN}::eku:1.3.6.1.4.1.311.76.59.1.2`,
    feed: 'ContainerPlat-AMD-UVM',
    minimumSvn: 100,
    complianceStatus: 'azure-compliant-uvm',
  },
  {
    issuer: `${MICROSOFT_SUPPLY_CHAIN}::eku:1.3.6.1.4.1.311.76.59.1.5`,
    feed: 'ConfAKS-AMD-UVM',
    minimumSvn: 1,
    complianceStatus: 'azure-signed-katacc-uvm',
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
  /** Transparency receipts that hold; empty when they were not asked for. */
  readonly receipts: readonly TransparencyReceipt[];
  /** Why other receipts do not hold. */
  readonly receiptProblems: readonly string[];
}

/** An endorsement as it reads; nothing is verified. */
export interface UnverifiedUvmEndorsement {
  readonly issuer: string | undefined;
  readonly feed: string | undefined;
  readonly svn: number;
  readonly measurement: Uint8Array;
  readonly signedAt: number;
  readonly form: UvmEndorsement['form'];
  /** Leaf first. */
  readonly chain: readonly Certificate[];
  /** Ledgers that transparency receipts beside it claim to come from. */
  readonly receiptLedgers: readonly string[];
}

const FORMAT = 'UVM_FORMAT_INVALID';
const MEASUREMENT_SIZE = 48;
const SHA384 = -43;

/** Members of the payload of the legacy form. */
export const uvmPayloadMember = {
  guestSvn: 'x-ms-sevsnpvm-guestsvn',
  guestSvnInteger: 'x-ms-sevsnpvm-guestsvn-int',
  launchMeasurement: 'x-ms-sevsnpvm-launchmeasurement',
} as const;

/**
 * Verifies a UVM endorsement: a COSE_Sign1 envelope (RFC 9052) of at most 256 KiB with its chain in the header and a
 * did:x509 issuer. Certificates are judged at the protected signing time. Time stamps in the unprotected header are not read.
 * @param options.measurement The launch measurement of the verified report; checked when given.
 * @param options.transparency Ledgers whose receipts count. With `required`, at least one receipt has to hold.
 * @throws MalformedError UVM_FORMAT_INVALID
 * @throws VerificationError UVM_ALGORITHM_REFUSED, UVM_CHAIN_INVALID, UVM_SIGNATURE_INVALID, UVM_ISSUER_UNTRUSTED, UVM_SIGNER_REFUSED,
 *   UVM_FEED_UNTRUSTED, UVM_SVN_TOO_LOW, UVM_RECEIPT_INVALID, UVM_MEASUREMENT_MISMATCH
 */
export function verifyUvmEndorsement(
  cose: Uint8Array,
  options: {
    readonly trustedIssuers: readonly UvmTrustEntry[];
    readonly now: Clock;
    readonly measurement?: Uint8Array;
    readonly transparency?: { readonly ledgers: readonly LedgerKeys[]; readonly required: boolean };
  },
): UvmEndorsement {
  const { envelope, cwt, issuer, feed, signedAt, trust } = verifyIssuedEnvelope(cose, options);
  const { svn, measurement, form } = readPayload(envelope, cwt);
  if (svn < trust.minimumSvn) {
    throw new VerificationError('UVM_SVN_TOO_LOW', `security version ${svn}, at least ${trust.minimumSvn} is required`);
  }
  const { transparency } = options;
  const { receipts, problems: receiptProblems } =
    transparency === undefined
      ? { receipts: [], problems: [] }
      : verifyTransparencyReceipts(envelope, transparency.ledgers);
  if (transparency?.required === true && receipts.length === 0) {
    throw new VerificationError(
      'UVM_RECEIPT_INVALID',
      receiptProblems[0] ?? 'the endorsement has no transparency receipt',
    );
  }
  if (options.measurement !== undefined && !equalSecretBytes(measurement, options.measurement)) {
    throw new VerificationError('UVM_MEASUREMENT_MISMATCH', 'the endorsement is for another launch measurement');
  }
  return { issuer, feed, svn, measurement, signedAt, form, trust, receipts, receiptProblems };
}

/**
 * Reads an endorsement without verifying anything, to show what it claims.
 * @throws MalformedError UVM_FORMAT_INVALID
 * @throws VerificationError UVM_CHAIN_INVALID, UVM_SVN_TOO_LOW when chain or version cannot be read
 */
export function readUvmEndorsement(cose: Uint8Array): UnverifiedUvmEndorsement {
  const { envelope, cwt, signedAt } = readEnvelopeClaims(cose);
  const header = envelope.protectedHeader;
  const [issuer, feed] = [header.get('iss') ?? cwt?.get(1), header.get('feed') ?? cwt?.get(2)];
  return {
    issuer: typeof issuer === 'string' ? issuer : undefined,
    feed: typeof feed === 'string' ? feed : undefined,
    ...readPayload(envelope, cwt),
    signedAt,
    chain: readSigningChain(header),
    receiptLedgers: claimedLedgers(envelope),
  };
}

/**
 * Verifies a signed list of ledger keys, which is signed like an endorsement, and reads it.
 * @throws MalformedError UVM_FORMAT_INVALID, UVM_LEDGER_KEYS_INVALID, CBOR_MALFORMED
 * @throws VerificationError as `verifyUvmEndorsement`
 */
export function verifyLedgerTrustList(
  cose: Uint8Array,
  options: { readonly trustedIssuers: readonly UvmTrustEntry[]; readonly now: Clock },
): readonly LedgerKeys[] {
  const { envelope, cwt, trust } = verifyIssuedEnvelope(cose, options);
  const svn = readCwtVersion(cwt);
  if (svn < trust.minimumSvn) {
    throw new VerificationError('UVM_SVN_TOO_LOW', `security version ${svn}, at least ${trust.minimumSvn} is required`);
  }
  return readLedgerTrustList(envelope.payload);
}

function readPayload(
  envelope: CoseSign1,
  cwt: CborMap | undefined,
): Pick<UvmEndorsement, 'svn' | 'measurement' | 'form'> {
  return envelope.protectedHeader.has(coseHeader.payloadHashAlgorithm)
    ? { form: 'hash-envelope', ...readHashEnvelope(envelope, cwt) }
    : { form: 'legacy', ...readLegacyPayload(envelope) };
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
  return { svn: readCwtVersion(cwt), measurement: payload };
}

function readCwtVersion(cwt: CborMap | undefined): number {
  const svn = cwt?.get('svn');
  if (typeof svn !== 'number' || svn < 0)
    throw new VerificationError('UVM_SVN_TOO_LOW', 'the security version is not an unsigned integer');
  return svn;
}

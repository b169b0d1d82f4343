import { createHash } from 'node:crypto';

import { concatBytes, equalBytes, PlatformError, toUtf8, VerificationError } from '@holdfast/base';

import { decodeCbor } from '../cbor/decode.ts';
import { encodeCbor } from '../cbor/encode.ts';
import { CborTagged, isCborMap } from '../cbor/value.ts';
import type { CborMap, CborValue } from '../cbor/value.ts';
import { coseAlgorithm, coseHeader, decodeDetachedCoseSign1, verifyCoseSign1 } from '../cose/sign1.ts';
import type { CoseSign1, CoseSign1Envelope } from '../cose/sign1.ts';
import type { LedgerKeys } from './ledger-keys.ts';

/** A verified transparency receipt: this ledger recorded the statement. */
export interface TransparencyReceipt {
  readonly ledger: string;
  /** Milliseconds since the epoch, as the ledger states it; undefined when it does not. */
  readonly recordedAt: number | undefined;
}

const CODE = 'UVM_RECEIPT_INVALID';
const COSE_SIGN1 = 18;
const CCF_LEDGER = 2;
const PROOFS = -1;
const leafPart = { leaf: 1, path: 2 } as const;
const cwtClaim = { issuer: 1, issuedAt: 6 } as const;
const DIGEST_SIZE = 32;
const MAX_EVIDENCE = 1024;
const MAX_PATH = 64;
const MAX_RECEIPTS = 16;
const TIME_TAG = 1;

/**
 * Verifies the receipts in the unprotected header of a statement, each by itself.
 * @returns The receipts that hold, and why the others do not.
 * @see draft-ietf-cose-merkle-tree-proofs, draft-birkholz-cose-receipts-ccf-profile
 */
export function verifyTransparencyReceipts(
  statement: CoseSign1,
  ledgers: readonly LedgerKeys[],
): { readonly receipts: readonly TransparencyReceipt[]; readonly problems: readonly string[] } {
  const value = statement.unprotectedHeader.get(coseHeader.receipts);
  if (value === undefined) return { receipts: [], problems: [] };
  if (!Array.isArray(value) || value.length > MAX_RECEIPTS) {
    return { receipts: [], problems: [`the receipts are not a list of at most ${MAX_RECEIPTS}`] };
  }
  const receipts: TransparencyReceipt[] = [];
  const problems: string[] = [];
  for (const item of value as readonly CborValue[]) {
    try {
      receipts.push(verifyTransparencyReceipt(item, statement, ledgers));
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      problems.push(error.message);
    }
  }
  return { receipts, problems };
}

/** The ledgers that the receipts beside a statement claim to come from, as far as they can be read; unverified. */
export function claimedLedgers({ unprotectedHeader }: CoseSign1): readonly string[] {
  const value = unprotectedHeader.get(coseHeader.receipts);
  if (!Array.isArray(value)) return [];
  return (value as readonly CborValue[]).flatMap((item) => {
    if (!(item instanceof Uint8Array)) return [];
    try {
      const claims = decodeDetachedCoseSign1(item, CODE).protectedHeader.get(coseHeader.cwtClaims);
      const ledger = isCborMap(claims) ? claims.get(cwtClaim.issuer) : undefined;
      return typeof ledger === 'string' ? [ledger] : [];
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error;
      return [];
    }
  });
}

function verifyTransparencyReceipt(
  item: CborValue,
  statement: CoseSign1,
  ledgers: readonly LedgerKeys[],
): TransparencyReceipt {
  if (!(item instanceof Uint8Array)) throw refused('not a byte string');
  const receipt = decodeDetachedCoseSign1(item, CODE);
  const header = receipt.protectedHeader;
  if (coseAlgorithm(receipt) !== 'ES384') throw refused('the signature algorithm is not ES384');
  if (header.get(coseHeader.verifiableDataStructure) !== CCF_LEDGER) throw refused('not a receipt of a CCF ledger');
  const { ledger, key, recordedAt } = signerOf(header, ledgers);
  const claims = createHash('sha256').update(withoutUnprotectedHeader(statement)).digest();
  for (const proof of readProofs(receipt)) {
    const root = treeRoot(proof, claims);
    if (!verifyCoseSign1({ ...receipt, payload: root }, 'ES384', key)) throw refused('the signature does not hold');
  }
  return { ledger, recordedAt };
}

/** The ledger the claims name, and its key that the header names. */
function signerOf(header: CborMap, ledgers: readonly LedgerKeys[]) {
  const claims = header.get(coseHeader.cwtClaims);
  const ledger = isCborMap(claims) ? claims.get(cwtClaim.issuer) : undefined;
  const kid = header.get(coseHeader.keyId);
  if (!isCborMap(claims) || typeof ledger !== 'string' || !(kid instanceof Uint8Array))
    throw refused('it names no ledger or no key');
  const known = ledgers.find((each) => each.ledger === ledger);
  if (known === undefined) throw refused(`ledger ${ledger} is not configured`);
  const key = known.keys.get(String.fromCharCode(...kid));
  if (key === undefined) throw refused(`the named key is none of ledger ${ledger}`);
  const time = claims.get(cwtClaim.issuedAt);
  const seconds = time instanceof CborTagged && time.tag === TIME_TAG ? time.value : time;
  return { ledger, key, recordedAt: typeof seconds === 'number' ? seconds * 1000 : undefined };
}

/** The statement as the ledger hashed it: its receipts were not there yet. */
function withoutUnprotectedHeader({ protectedBytes, payload, signature }: CoseSign1): Uint8Array {
  return encodeCbor(new CborTagged(COSE_SIGN1, [protectedBytes, new Map(), payload, signature]));
}

function readProofs({ unprotectedHeader }: CoseSign1Envelope): readonly CborMap[] {
  const proofs = unprotectedHeader.get(coseHeader.verifiableDataProofs);
  const list = isCborMap(proofs) ? proofs.get(PROOFS) : undefined;
  if (!Array.isArray(list) || list.length === 0) throw refused('no inclusion proof');
  return (list as readonly CborValue[]).map((item) => {
    const proof = item instanceof Uint8Array ? decodeCbor(item) : item;
    if (!isCborMap(proof)) throw refused('an inclusion proof that is not a map');
    return proof;
  });
}

/** The root of the ledger's Merkle tree that follows from the leaf and its path. */
function treeRoot(proof: CborMap, claims: Uint8Array): Uint8Array {
  const [transaction, evidence, leafClaims, ...rest] = listOf(proof.get(leafPart.leaf));
  if (!isDigest(transaction) || typeof evidence !== 'string' || !isDigest(leafClaims) || rest.length > 0)
    throw refused('a leaf of another form');
  const evidenceBytes = toUtf8(evidence);
  if (evidenceBytes.length === 0 || evidenceBytes.length > MAX_EVIDENCE)
    throw refused(`evidence of ${evidenceBytes.length} bytes`);
  // A receipt of another statement is genuine in every other respect: only this comparison tells.
  if (!equalBytes(leafClaims, claims)) throw refused('it is the receipt of another statement');
  const path = listOf(proof.get(leafPart.path));
  if (path.length === 0 || path.length > MAX_PATH) throw refused(`a path of ${path.length} elements`);
  let node = sha256(transaction, sha256(evidenceBytes), leafClaims);
  for (const element of path) {
    const [isLeft, digest, ...others] = listOf(element);
    if (typeof isLeft !== 'boolean' || !isDigest(digest) || others.length > 0)
      throw refused('a path element of another form');
    node = isLeft ? sha256(digest, node) : sha256(node, digest);
  }
  return node;
}

function listOf(value: CborValue | undefined): readonly CborValue[] {
  if (!Array.isArray(value)) throw refused('a list is missing');
  return value as readonly CborValue[];
}

function isDigest(value: CborValue | undefined): value is Uint8Array {
  return value instanceof Uint8Array && value.length === DIGEST_SIZE;
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return createHash('sha256')
    .update(concatBytes(...parts))
    .digest();
}

function refused(problem: string): VerificationError {
  return new VerificationError(CODE, `transparency receipt: ${problem}`);
}

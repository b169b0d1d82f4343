import { createHash } from 'node:crypto';

import { concatBytes, RequestError, toUtf8 } from '@holdfast/base';

import type { InitdataAlgorithm } from './algorithm.ts';
import { parseInitdata } from './document.ts';

/** A place in evidence that holds the digest of a document. */
export type InitdataRegister = 'digest' | 'hostData' | 'mrConfigId' | 'ccaField' | 'seField' | 'sgxField' | 'pcr8';

/** Bytes that there are for a digest in each field that firmware copies into evidence. */
export const FIELD_BYTES = { hostData: 32, mrConfigId: 48, ccaField: 64, sgxField: 64, seField: 256 } as const;

const PCR_BYTES = 32;
const EXTENDED_BYTES = 32;

export interface InitdataMeasurements {
  readonly algorithm: InitdataAlgorithm;
  /** 32, 48 or 64 bytes: the digest over the document's bytes. */
  readonly digest: Uint8Array;
  /** 32 bytes, AMD SEV-SNP HOST_DATA. */
  readonly hostData: Uint8Array;
  /** 48 bytes, Intel TDX MRCONFIGID. */
  readonly mrConfigId: Uint8Array;
  /** 64 bytes, the personalization value of an Arm CCA realm. */
  readonly ccaField: Uint8Array;
  /** 256 bytes, user data of IBM Secure Execution. */
  readonly seField: Uint8Array;
  /** 64 bytes, Intel SGX CONFIGID. */
  readonly sgxField: Uint8Array;
  /** 32 bytes, PCR 8 of the SHA-256 bank of a vTPM: peer pods, and every guest on Azure. */
  readonly pcr8: Uint8Array;
}

/**
 * Everything that a document is measured as. Measures the text as it is: another line end, comment or blank is another digest.
 * @throws the errors of `parseInitdata`
 */
export function measureInitdata(document: string): InitdataMeasurements {
  const { algorithm } = parseInitdata(document);
  const digest = initdataDigest(document, algorithm);
  return {
    algorithm,
    digest,
    hostData: fitDigest(digest, FIELD_BYTES.hostData),
    mrConfigId: fitDigest(digest, FIELD_BYTES.mrConfigId),
    ccaField: fitDigest(digest, FIELD_BYTES.ccaField),
    seField: fitDigest(digest, FIELD_BYTES.seField),
    sgxField: fitDigest(digest, FIELD_BYTES.sgxField),
    pcr8: initdataPcr8(digest),
  };
}

/** Digest over the UTF-8 bytes of a document, never over its gzip or its parsed form. */
export function initdataDigest(document: string, algorithm: InitdataAlgorithm): Uint8Array {
  return new Uint8Array(createHash(algorithm).update(toUtf8(document)).digest());
}

/** A digest as a field of `length` bytes holds it: cut, or filled with zeros on the right. */
export function fitDigest(digest: Uint8Array, length: number): Uint8Array {
  const field = new Uint8Array(length);
  field.set(digest.subarray(0, length));
  return field;
}

/**
 * PCR 8 of the SHA-256 bank after a guest extended it with a digest, once, from zeros: SHA-256 over the old value and the first 32 bytes
 * of the digest. Without a digest it was never extended, and is zeros.
 * @throws RequestError INITDATA_DIGEST_TOO_SHORT for a digest below 32 bytes, which cannot be extended
 * @see TCG TPM 2.0 Library, Part 1, extend of a PCR
 */
export function initdataPcr8(digest: Uint8Array | undefined): Uint8Array {
  const zeros = new Uint8Array(PCR_BYTES);
  if (digest === undefined) return zeros;
  if (digest.length < EXTENDED_BYTES) {
    const message = `PCR 8 is extended with ${EXTENDED_BYTES} bytes, and the digest has ${digest.length}`;
    throw new RequestError('INITDATA_DIGEST_TOO_SHORT', message);
  }
  const hash = createHash('sha256').update(concatBytes(zeros, digest.subarray(0, EXTENDED_BYTES)));
  return new Uint8Array(hash.digest());
}

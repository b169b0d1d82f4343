import { ByteWriter, InternalError, MalformedError } from '@holdfast/base';

/** One opt-out. */
export interface OptOutRecord {
  /** First-level hash of the identity, 32 bytes. */
  readonly identityHash: Uint8Array;
  /** The raw UID that was current at the opt-out, 32 or 33 bytes. */
  readonly rawUid: Uint8Array;
  /** Seconds since the epoch. */
  readonly optedOutAt: number;
}

export const OPTOUT_RECORD_LENGTH = 72;
export const OPTOUT_HASH_LENGTH = 32;

const UID_OFFSET = 32;
const TIME_OFFSET = 64;
const TIME_LENGTH = 7;
const METADATA_OFFSET = 71;
const SHORT_UID_LENGTH = 32;
const LONG_UID = 0x40;
const FIRST_BYTE_MASK = 0x3f;

/**
 * The 72 bytes of one opt-out: identity hash, last 32 bytes of the raw UID, 7 bytes of little-endian seconds, one byte of
 * metadata. The metadata have six bits for the first byte of a 33-byte UID, so the environment bits of version 4 UIDs for
 * INTEG and PROD are lost, as in the UID2 reference.
 * @throws InternalError OPTOUT_RECORD_INVALID when hash or UID have another length, or the time does not fit
 */
export function encodeOptOutRecord(record: OptOutRecord): Uint8Array {
  const { identityHash, rawUid } = record;
  if (identityHash.length !== OPTOUT_HASH_LENGTH)
    throw invalid(`an identity hash has 32 bytes, not ${identityHash.length}`);
  if (rawUid.length !== SHORT_UID_LENGTH && rawUid.length !== SHORT_UID_LENGTH + 1) {
    throw invalid(`a raw UID has 32 or 33 bytes, not ${rawUid.length}`);
  }
  const long = rawUid.length > SHORT_UID_LENGTH;
  const bytes = new ByteWriter(OPTOUT_RECORD_LENGTH)
    .bytes(identityHash)
    .bytes(long ? rawUid.subarray(1) : rawUid)
    .skip(TIME_LENGTH)
    .uint8(long ? LONG_UID | (rawUid[0] ?? 0) : 0)
    .done();
  writeOptOutTime(bytes, 0, record.optedOutAt);
  return bytes;
}

/**
 * Reads 72 bytes of one opt-out. Hash and 32-byte UIDs are views of the input.
 * @throws MalformedError OPTOUT_FILE_MALFORMED when there are more or fewer bytes
 */
export function decodeOptOutRecord(bytes: Uint8Array): OptOutRecord {
  if (bytes.length !== OPTOUT_RECORD_LENGTH) {
    throw new MalformedError('OPTOUT_FILE_MALFORMED', `an opt-out record has 72 bytes, not ${bytes.length}`);
  }
  return {
    identityHash: bytes.subarray(0, OPTOUT_HASH_LENGTH),
    rawUid: rawUidOf(bytes, 0),
    optedOutAt: readOptOutTime(bytes, 0),
  };
}

/** The raw UID of the record at `offset`: 33 bytes when its version is not zero. */
export function rawUidOf(records: Uint8Array, offset: number): Uint8Array {
  const metadata = records[offset + METADATA_OFFSET] ?? 0;
  const body = records.subarray(offset + UID_OFFSET, offset + TIME_OFFSET);
  if ((metadata & ~FIRST_BYTE_MASK) === 0) return body;
  const uid = new Uint8Array(SHORT_UID_LENGTH + 1);
  uid[0] = metadata & FIRST_BYTE_MASK;
  uid.set(body, 1);
  return uid;
}

/** The time of the record at `offset`, in seconds. Times beyond 2^53 lose their lowest bits. */
export function readOptOutTime(records: Uint8Array, offset: number): number {
  let seconds = 0;
  for (let at = TIME_OFFSET + TIME_LENGTH - 1; at >= TIME_OFFSET; at--) {
    seconds = seconds * 256 + (records[offset + at] ?? 0);
  }
  return seconds;
}

/**
 * Overwrites the time of the record at `offset`; its metadata stay.
 * @throws InternalError OPTOUT_RECORD_INVALID when the time does not fit 56 bits
 */
export function writeOptOutTime(records: Uint8Array, offset: number, seconds: number | bigint): void {
  let rest =
    Number.isNaN(seconds) || (typeof seconds === 'number' && !Number.isInteger(seconds)) ? -1n : BigInt(seconds);
  if (rest < 0n || rest >= 1n << 56n) throw invalid('an opt-out time has 56 bits of whole seconds');
  for (let at = 0; at < TIME_LENGTH; at++) {
    records[offset + TIME_OFFSET + at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

function invalid(problem: string): InternalError {
  return new InternalError('OPTOUT_RECORD_INVALID', problem);
}

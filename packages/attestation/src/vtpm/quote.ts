import { ByteReader, MalformedError, toHex } from '@holdfast/base';

/** What a TPM signed with TPM2_Quote. */
export interface TpmQuote {
  readonly qualifiedSigner: Uint8Array;
  /** The nonce: what the caller of TPM2_Quote passed as qualifyingData. */
  readonly extraData: Uint8Array;
  /** TCG algorithm identifier of the bank, for example 0x000b for SHA-256. */
  readonly pcrBank: number;
  /** One bit per register, register 0 in the lowest bit of the first byte. */
  readonly pcrBitmap: Uint8Array;
  readonly pcrDigest: Uint8Array;
}

const CODE = 'VTPM_QUOTE_INVALID';
const MAGIC = 'ff544347';
const TYPE_QUOTE = '8018';
const CLOCK_AND_FIRMWARE_SIZE = 17 + 8;

/**
 * Reads a TPMS_ATTEST structure of a quote with a single selection of registers. Does not verify its signature.
 * @throws MalformedError VTPM_QUOTE_INVALID
 * @see TCG TPM 2.0 Library, part 2, sections 10.9.3 (TPML_PCR_SELECTION) and 10.12.8 (TPMS_ATTEST)
 */
export function parseTpmQuote(message: Uint8Array): TpmQuote {
  const reader = new ByteReader(message, CODE, 'TPM quote');
  const sized = (): Uint8Array => reader.bytes(uint16(reader));
  if (toHex(reader.bytes(4)) !== MAGIC) throw malformed('no TPM made it');
  if (toHex(reader.bytes(2)) !== TYPE_QUOTE) throw malformed('an attestation of another type');
  const qualifiedSigner = sized();
  const extraData = sized();
  reader.bytes(CLOCK_AND_FIRMWARE_SIZE);
  const selections = reader.uint32();
  if (selections !== 1) throw malformed(`${selections} selections of registers, expected one`);
  const pcrBank = uint16(reader);
  const pcrBitmap = reader.bytes(reader.uint8());
  const pcrDigest = sized();
  reader.end();
  return { qualifiedSigner, extraData, pcrBank, pcrBitmap, pcrDigest };
}

function uint16(reader: ByteReader): number {
  return reader.uint8() * 256 + reader.uint8();
}

function malformed(problem: string): MalformedError {
  return new MalformedError(CODE, `TPM quote: ${problem}`);
}

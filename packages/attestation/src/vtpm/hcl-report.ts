import { ByteReader, equalBytes, MalformedError, toUtf8, UnsupportedError } from '@holdfast/base';

import { isZero, SNP_REPORT_SIZE } from '../snp/report.ts';

/** The report that the paravisor (HCL) of an Azure confidential VM keeps in a non-volatile index of the virtual TPM. */
export interface HclReport {
  /** 1 or 2. */
  readonly version: number;
  /** The hardware report, 1184 bytes. */
  readonly snpReport: Uint8Array;
  /** How the hardware report binds the runtime data. */
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** JSON: the keys of the virtual TPM, the configuration of the machine, the data of its user. */
  readonly runtimeData: Uint8Array;
}

const CODE = 'VTPM_FORMAT_INVALID';
const MAGIC = toUtf8('HCLA');
const MAX_BYTES = 64 * 1024;
const HEADER_SIZE = 32;
const DATA_HEADER_SIZE = 20;
const REQUEST_TYPE = 2;
const DATA_VERSION = 1;
const TYPE_SNP = 2;
const HASHES: Readonly<Record<number, HclReport['hash']>> = { 1: 'sha256', 2: 'sha384', 3: 'sha512' };

/**
 * Reads a paravisor report: header, hardware report, runtime data, then zeros to the end of the index (2048 or 2600
 * bytes). Integers are little-endian. Does not verify anything.
 * @throws MalformedError VTPM_FORMAT_INVALID
 * @throws UnsupportedError VTPM_REPORT_TYPE_UNSUPPORTED for a hardware report that is not of SEV-SNP
 */
export function parseHclReport(bytes: Uint8Array): HclReport {
  if (bytes.length > MAX_BYTES) throw malformed(`${bytes.length} bytes, at most ${MAX_BYTES}`);
  const reader = new ByteReader(bytes, CODE, 'paravisor report');
  if (!equalBytes(reader.bytes(4), MAGIC)) throw malformed('it does not start with HCLA');
  const version = reader.uint32le();
  const size = reader.uint32le();
  const requestType = reader.uint32le();
  const status = reader.uint32le();
  const reserved = reader.bytes(12);
  const snpReport = reader.bytes(SNP_REPORT_SIZE);
  const dataSize = reader.uint32le();
  const dataVersion = reader.uint32le();
  const reportType = reader.uint32le();
  const hash = HASHES[reader.uint32le()];
  const variableSize = reader.uint32le();
  if (version !== 1 && version !== 2) throw malformed(`version ${version}`);
  if (reportType !== TYPE_SNP)
    throw new UnsupportedError(
      'VTPM_REPORT_TYPE_UNSUPPORTED',
      `hardware report of type ${reportType}, known is 2 (SNP)`,
    );
  if (requestType !== REQUEST_TYPE || status !== 0 || !isZero(reserved) || dataVersion !== DATA_VERSION)
    throw malformed('a header field with an unknown value');
  if (hash === undefined) throw malformed('an unknown hash type');
  const consistent = dataSize === DATA_HEADER_SIZE + variableSize && size === HEADER_SIZE + SNP_REPORT_SIZE + dataSize;
  if (!consistent || size > bytes.length) throw malformed('sizes that do not fit together');
  const runtimeData = reader.bytes(variableSize);
  if (!isZero(reader.rest())) throw malformed('bytes after the runtime data');
  return { version, snpReport, hash, runtimeData };
}

function malformed(problem: string): MalformedError {
  return new MalformedError(CODE, `paravisor report: ${problem}`);
}

import { createHash } from 'node:crypto';

import { SNP_REPORT_SIZE } from '@holdfast/attestation';
import { ByteWriter, concatBytes, toUtf8 } from '@holdfast/base';

/** Size of the non-volatile index that the paravisor keeps its report in. */
const INDEX_BYTES = 2600;
const HEADER_BYTES = 32;
const DATA_HEADER_BYTES = 20;
const VERSION = 2;
const REQUEST_TYPE = 2;
const DATA_VERSION = 1;
const TYPE_SNP = 2;
const HASH_SHA256 = 1;

/** What the hardware report has to bind: SHA-256 over the runtime data, then zeros to 64 bytes. */
export function runtimeDataBinding(runtimeData: Uint8Array): Uint8Array {
  const binding = new Uint8Array(64);
  binding.set(createHash('sha256').update(runtimeData).digest());
  return binding;
}

/**
 * The report of an Azure paravisor: header, hardware report, header of the runtime data, runtime data, zeros (Microsoft,
 * "Guest attestation for confidential VMs", runtime data of the virtual TPM). Little-endian.
 */
export function buildHclReport(snpReport: Uint8Array, runtimeData: Uint8Array): Uint8Array {
  const dataSize = DATA_HEADER_BYTES + runtimeData.length;
  const size = HEADER_BYTES + SNP_REPORT_SIZE + dataSize;
  const header = new ByteWriter(HEADER_BYTES)
    .bytes(toUtf8('HCLA'))
    .uint32le(VERSION)
    .uint32le(size)
    .uint32le(REQUEST_TYPE)
    .skip(16)
    .done();
  const dataHeader = new ByteWriter(DATA_HEADER_BYTES)
    .uint32le(dataSize)
    .uint32le(DATA_VERSION)
    .uint32le(TYPE_SNP)
    .uint32le(HASH_SHA256)
    .uint32le(runtimeData.length)
    .done();
  const padding = new Uint8Array(Math.max(0, INDEX_BYTES - size));
  return concatBytes(header, snpReport, dataHeader, runtimeData, padding);
}

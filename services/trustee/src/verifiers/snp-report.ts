import { isJsonObject, member, SNP_REPORT_SIZE } from '@holdfast/attestation';
import type { JsonObject, JsonValue } from '@holdfast/attestation';
import { ByteWriter, concatBytes } from '@holdfast/base';

import { malformedEvidence } from './verifier.ts';

const TURIN_FAMILY = 0x1a;
const SIGNATURE_HALF = 72;
const MAX_LIST = 65_536;

/**
 * The 1184 bytes of a report that came as JSON with one member per field (AMD SEV-SNP Firmware ABI, table
 * ATTESTATION_REPORT; little-endian). 64-bit integers may be bigints.
 * @throws MalformedError TRUSTEE_EVIDENCE_INVALID
 */
export function rebuildSnpReport(report: JsonObject): Uint8Array {
  const version = integer(report, 'version', 32);
  const family = optionalByte(report, 'cpuid_fam_id');
  const tcb = (name: string): Uint8Array => tcbBytes(object(report, name), family === TURIN_FAMILY);
  const body = new ByteWriter(SNP_REPORT_SIZE)
    .uint32le(Number(version))
    .uint32le(Number(integer(report, 'guest_svn', 32)))
    .uint64le(integer(report, 'policy', 64))
    .bytes(bytes(report, 'family_id', 16))
    .bytes(bytes(report, 'image_id', 16))
    .uint32le(Number(integer(report, 'vmpl', 32)))
    .uint32le(Number(integer(report, 'sig_algo', 32)))
    .bytes(tcb('current_tcb'))
    .uint64le(integer(report, 'plat_info', 64))
    .uint32le(Number(integer(report, 'key_info', 32)))
    .skip(4)
    .bytes(bytes(report, 'report_data', 64))
    .bytes(bytes(report, 'measurement', 48))
    .bytes(bytes(report, 'host_data', 32))
    .bytes(bytes(report, 'id_key_digest', 48))
    .bytes(bytes(report, 'author_key_digest', 48))
    .bytes(bytes(report, 'report_id', 32))
    .bytes(bytes(report, 'report_id_ma', 32))
    .bytes(tcb('reported_tcb'))
    .bytes(Uint8Array.of(family, optionalByte(report, 'cpuid_mod_id'), optionalByte(report, 'cpuid_step')))
    .skip(21)
    .bytes(bytes(report, 'chip_id', 64))
    .bytes(tcb('committed_tcb'))
    .bytes(firmware(object(report, 'current')))
    .bytes(firmware(object(report, 'committed')))
    .bytes(tcb('launch_tcb'))
    .uint64le(mitigations(report, 'launch_mit_vector'))
    .uint64le(mitigations(report, 'current_mit_vector'))
    .skip(152 + 512)
    .done();
  const signature = object(report, 'signature');
  const signed = concatBytes(body);
  signed.set(bytes(signature, 'r', SIGNATURE_HALF), 0x2a0);
  signed.set(bytes(signature, 's', SIGNATURE_HALF), 0x2a0 + SIGNATURE_HALF);
  return signed;
}

function tcbBytes(tcb: JsonObject, isTurin: boolean): Uint8Array {
  const byte = (name: string): number => optionalByte(tcb, name);
  const [bootloader, tee, snp, microcode] = [byte('bootloader'), byte('tee'), byte('snp'), byte('microcode')];
  return isTurin
    ? Uint8Array.of(byte('fmc'), bootloader, tee, snp, 0, 0, 0, microcode)
    : Uint8Array.of(bootloader, tee, 0, 0, 0, 0, snp, microcode);
}

function firmware(version: JsonObject): Uint8Array {
  const byte = (name: string): number => optionalByte(version, name);
  return Uint8Array.of(byte('build'), byte('minor'), byte('major'), 0);
}

function mitigations(report: JsonObject, name: string): bigint {
  const value = member(report, name);
  return value === undefined || value === null ? 0n : integer(report, name, 64);
}

function object(parent: JsonObject, name: string): JsonObject {
  const value = member(parent, name);
  if (!isJsonObject(value)) throw malformedEvidence(`"${name}" is no object`);
  return value;
}

function integer(parent: JsonObject, name: string, bits: number): bigint {
  const value = member(parent, name);
  const isWhole = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (!isWhole || value < 0 || BigInt.asUintN(bits, BigInt(value)) !== BigInt(value)) {
    throw malformedEvidence(`"${name}" is no integer of ${bits} bits`);
  }
  return BigInt(value);
}

function optionalByte(parent: JsonObject, name: string): number {
  const value = member(parent, name);
  return value === undefined || value === null ? 0 : Number(integer(parent, name, 8));
}

/** A list of bytes as JSON numbers. */
export function bytes(parent: JsonObject, name: string, length: number): Uint8Array {
  const found = byteList(member(parent, name), name);
  if (found.length !== length) throw malformedEvidence(`"${name}" has ${found.length} bytes, not ${length}`);
  return found;
}

export function byteList(value: JsonValue | undefined, name: string): Uint8Array {
  if (!Array.isArray(value) || value.length > MAX_LIST) throw malformedEvidence(`"${name}" is no list of bytes`);
  const items = value as readonly JsonValue[];
  const found = new Uint8Array(items.length);
  for (let at = 0; at < items.length; at += 1) {
    const item = items[at];
    if (typeof item !== 'number' || (item & 0xff) !== item) throw malformedEvidence(`"${name}" is no list of bytes`);
    found[at] = item;
  }
  return found;
}

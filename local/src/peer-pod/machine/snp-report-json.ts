import { decodeTcb } from '@holdfast/attestation';
import type { JsonObject, JsonValue, SnpFirmwareVersion, SnpReport } from '@holdfast/attestation';
import { ByteReader } from '@holdfast/base';

const KEY_INFO_OFFSET = 0x48;
const SIGNATURE_OFFSET = 0x2a0;
const SIGNATURE_HALF = 72;

/**
 * A report as guest components send it: one member per field of the structure ATTESTATION_REPORT, byte fields as lists of
 * numbers (AMD SEV-SNP Firmware ABI, publication 56860). 64-bit fields are bigints.
 */
export function snpReportJson(report: SnpReport): JsonObject {
  const tcb = (value: bigint): JsonObject => {
    const { bootloader, tee, snp, microcode } = decodeTcb(value, 'Milan');
    return { fmc: null, bootloader, tee, snp, microcode };
  };
  const at = (offset: number, length: number): JsonValue => [...report.bytes.subarray(offset, offset + length)];
  return {
    version: report.version,
    guest_svn: report.guestSvn,
    policy: report.policy.value,
    family_id: [...report.familyId],
    image_id: [...report.imageId],
    vmpl: report.vmpl,
    sig_algo: report.signatureAlgorithm,
    current_tcb: tcb(report.currentTcb),
    plat_info: report.platformInfo,
    key_info: new ByteReader(report.bytes.subarray(KEY_INFO_OFFSET), 'SNP_LENGTH_INVALID', 'SNP report').uint32le(),
    report_data: [...report.reportData],
    measurement: [...report.measurement],
    host_data: [...report.hostData],
    id_key_digest: [...report.idKeyDigest],
    author_key_digest: [...report.authorKeyDigest],
    report_id: [...report.reportId],
    report_id_ma: [...report.reportIdMa],
    reported_tcb: tcb(report.reportedTcb),
    cpuid_fam_id: report.cpuid?.family ?? null,
    cpuid_mod_id: report.cpuid?.model ?? null,
    cpuid_step: report.cpuid?.stepping ?? null,
    chip_id: [...report.chipId],
    committed_tcb: tcb(report.committedTcb),
    current: firmware(report.currentFirmware),
    committed: firmware(report.committedFirmware),
    launch_tcb: tcb(report.launchTcb),
    signature: { r: at(SIGNATURE_OFFSET, SIGNATURE_HALF), s: at(SIGNATURE_OFFSET + SIGNATURE_HALF, SIGNATURE_HALF) },
  };
}

function firmware({ major, minor, build }: SnpFirmwareVersion): JsonObject {
  return { major, minor, build };
}

import { isJsonObject, member, parseSnpReport, verifySnpEvidence } from '@holdfast/attestation';
import type { Certificate, JsonObject, JsonValue, SnpReport, SnpTcb } from '@holdfast/attestation';
import { toHex } from '@holdfast/base';
import { fitDigest } from '@holdfast/initdata';

import { CertificateMemory } from './certificate-memory.ts';
import type { SnpCertificates } from './snp-certificates.ts';
import { byteList, rebuildSnpReport } from './snp-report.ts';
import type { SnpTrust } from './snp-trust.ts';
import { malformedEvidence, refusedEvidence, withBindings } from './verifier.ts';
import type { Binding, EvidenceVerifier } from './verifier.ts';

const REPORT_DATA_BYTES = 64;
const HOST_DATA_BYTES = 32;
/** PLATFORM_INFO bits. */
const SMT_ENABLED = 1n;
const TSME_ENABLED = 2n;
const MAX_CERTIFICATES = 8;

/** AMD SEV-SNP guests outside Azure: the report as JSON, with certificates or without. */
export function createSnpVerifier(trust: SnpTrust, certificates: SnpCertificates): EvidenceVerifier {
  const memory = new CertificateMemory();
  return async (evidence, expected) => {
    if (!isJsonObject(evidence)) throw malformedEvidence('it is no object');
    const json = member(evidence, 'attestation_report');
    if (!isJsonObject(json)) throw malformedEvidence('"attestation_report" is no object');
    const report = rebuildSnpReport(json);
    const parsed = parseSnpReport(report);
    const bundle = await certificates.complete(parsed, bundledCertificates(member(evidence, 'cert_chain'), memory));
    const reportData = expected.reportData === undefined ? undefined : padded(expected.reportData);
    const hostData =
      expected.initDataHash === undefined ? undefined : fitDigest(expected.initDataHash, HOST_DATA_BYTES);
    const bindings: readonly Binding[] = [
      { code: 'SNP_REPORT_DATA_MISMATCH', place: 'REPORT_DATA', expected: reportData, received: parsed.reportData },
      { code: 'SNP_HOST_DATA_MISMATCH', place: 'HOST_DATA', expected: hostData, received: parsed.hostData },
    ];
    const verified = withBindings(bindings, () =>
      verifySnpEvidence({
        ...trust.forReports,
        report,
        certificates: bundle,
        options: {
          ...(reportData === undefined ? { noFreshness: true } : { reportData }),
          ...(hostData === undefined ? {} : { hostData }),
          // Whether debugging and migration matter is for the policy to say, which sees the claims.
          allowDebug: true,
          allowMigration: true,
          allowCxl: true,
          allowedVmpls: [0],
          allowedCspIds: trust.allowedCspIds,
        },
      }),
    );
    return {
      teeClass: 'cpu',
      claims: snpClaims(verified.report, verified.reportedTcb),
      reportData: toHex(verified.report.reportData),
      initData: toHex(verified.report.hostData),
    };
  };
}

/** The claims of a report as policies for bare guests see them: typed, bytes in hexadecimal. */
export function snpClaims(report: SnpReport, reportedTcb: SnpTcb): JsonObject {
  return {
    ...commonClaims(report, reportedTcb),
    measurement: toHex(report.measurement),
    chip_id: toHex(report.chipId),
  };
}

/** The members that guests on Azure have too. */
export function commonClaims(
  { policy, platformInfo }: SnpReport,
  tcb: SnpTcb,
): Readonly<Record<string, number | boolean>> {
  return {
    policy_abi_major: policy.abiMajor,
    policy_abi_minor: policy.abiMinor,
    policy_smt_allowed: policy.smtAllowed,
    policy_migrate_ma: policy.migrationAllowed,
    policy_debug_allowed: policy.debugAllowed,
    policy_single_socket: policy.singleSocketRequired,
    reported_tcb_bootloader: tcb.bootloader,
    reported_tcb_tee: tcb.tee,
    reported_tcb_snp: tcb.snp,
    reported_tcb_microcode: tcb.microcode,
    platform_smt_enabled: (platformInfo & SMT_ENABLED) !== 0n,
    platform_tsme_enabled: (platformInfo & TSME_ENABLED) !== 0n,
  };
}

function padded(digest: Uint8Array): Uint8Array {
  if (digest.length === 0 || digest.length > REPORT_DATA_BYTES) {
    throw refusedEvidence(`report data of ${digest.length} bytes cannot be expected of this hardware`);
  }
  return fitDigest(digest, REPORT_DATA_BYTES);
}

function bundledCertificates(chain: JsonValue | undefined, memory: CertificateMemory): readonly Certificate[] {
  if (chain === undefined || chain === null) return [];
  if (!Array.isArray(chain) || chain.length > MAX_CERTIFICATES) {
    throw malformedEvidence(`"cert_chain" is no list of at most ${MAX_CERTIFICATES} certificates`);
  }
  return (chain as readonly JsonValue[]).map((entry) => {
    const data = isJsonObject(entry) ? member(entry, 'data') : undefined;
    return memory.parse(byteList(data, 'data'));
  });
}

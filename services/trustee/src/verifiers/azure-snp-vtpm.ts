import {
  formatJson,
  isJsonObject,
  parseCertificate,
  parseCertificates,
  parseHclReport,
  parseSnpReport,
  parseVtpmEvidence,
  verifyVtpmEvidence,
} from '@holdfast/attestation';
import type { VtpmEvidence } from '@holdfast/attestation';
import { toBase64, toHex } from '@holdfast/base';
import { initdataPcr8 } from '@holdfast/initdata';

import type { SnpCertificates } from './snp-certificates.ts';
import type { SnpTrust } from './snp-trust.ts';
import { commonClaims } from './snp.ts';
import { malformedEvidence, refusedEvidence, withBindings } from './verifier.ts';
import type { Binding, EvidenceVerifier } from './verifier.ts';

const INIT_DATA_PCR = 8;
const INIT_HASH_BYTES = 32;

/**
 * Confidential VMs of Azure: a quote of the virtual TPM that the paravisor's report vouches for. A report is not
 * checked without report data: the quote would prove nothing about now.
 */
export function createAzureSnpVtpmVerifier(trust: SnpTrust, certificates: SnpCertificates): EvidenceVerifier {
  return async (json, expected) => {
    if (!isJsonObject(json)) throw malformedEvidence('it is no object');
    const { reportData, initDataHash } = expected;
    if (reportData === undefined) throw refusedEvidence('report data have to be expected of this hardware');
    if (initDataHash !== undefined && initDataHash.length !== INIT_HASH_BYTES) {
      throw refusedEvidence('init data of this hardware have to be digested with SHA-256');
    }
    const evidence = parseVtpmEvidence(formatJson(json));
    const issuers = await issuersFor(evidence, certificates);
    const bindings: readonly Binding[] = [
      {
        code: 'VTPM_INIT_DATA_MISMATCH',
        place: 'PCR 8',
        expected: initDataHash === undefined ? undefined : initdataPcr8(initDataHash),
        received: evidence.pcrs[INIT_DATA_PCR],
      },
    ];
    const verdict = withBindings(bindings, () =>
      verifyVtpmEvidence(evidence, {
        ...trust.withIssuers(issuers),
        options: {
          nonce: reportData,
          ...(initDataHash === undefined ? {} : { initDataDigest: initDataHash }),
          snp: { allowMigration: true, allowCxl: true, allowedVmpls: [0], allowedCspIds: trust.allowedCspIds },
        },
      }),
    );
    const { snp, quote } = verdict;
    if (snp?.report === undefined || snp.reportedTcb === undefined || quote === undefined) {
      throw refusedEvidence('it could not be appraised completely');
    }
    const common = Object.entries(commonClaims(snp.report, snp.reportedTcb)).map(([name, value]) => [
      name,
      String(value),
    ]);
    const registers = evidence.pcrs.map((value, at) => [`pcr${String(at).padStart(2, '0')}`, toHex(value)]);
    return {
      teeClass: 'cpu',
      claims: {
        ...(Object.fromEntries(common) as Readonly<Record<string, string>>),
        measurement: toBase64(snp.report.measurement),
        tpm: Object.fromEntries(registers) as Readonly<Record<string, string>>,
      },
      reportData: toHex(quote.extraData),
      initData: toHex(evidence.pcrs[INIT_DATA_PCR] ?? new Uint8Array()),
    };
  };
}

/** ASK and ARK: the evidence brings the chip's certificate only. */
async function issuersFor(
  evidence: VtpmEvidence,
  certificates: SnpCertificates,
): ReturnType<SnpCertificates['complete']> {
  const report = parseSnpReport(parseHclReport(evidence.hclReport).snpReport);
  const leaf = typeof evidence.vcek === 'string' ? parseCertificates(evidence.vcek) : [parseCertificate(evidence.vcek)];
  const completed = await certificates.complete(report, leaf);
  return completed.slice(leaf.length);
}

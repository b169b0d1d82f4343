import { decodeTcb, parseCertificates, parseSnpReport } from '@holdfast/attestation';
import type { JsonObject, JsonValue, SimulatedPlatform } from '@holdfast/attestation';
import { toHex } from '@holdfast/base';
import { fitDigest } from '@holdfast/initdata';
import type { InitdataMeasurements } from '@holdfast/initdata';

import { checkReportData } from './machine.ts';
import type { Machine } from './machine.ts';
import { snpReportJson } from './snp-report-json.ts';

const REPORT_DATA_BYTES = 64;

/** A machine whose host puts the digest of the initdata into HOST_DATA, as on bare metal. */
export function createSnpMachine(platform: SimulatedPlatform, { hostData }: InitdataMeasurements): Machine {
  const certificates = platformCertificates(platform);
  const report = (reportData: Uint8Array): Uint8Array =>
    platform.attester.report({ reportData: fitDigest(reportData, REPORT_DATA_BYTES), hostData });
  return {
    tee: 'snp',
    measured: { register: 'HOST_DATA', value: toHex(hostData) },
    passesInitdata: true,
    referenceValues: snpReferences(report(new Uint8Array(1))),
    evidence: (reportData) => {
      checkReportData(reportData);
      return { attestation_report: snpReportJson(parseSnpReport(report(reportData))), cert_chain: certificates };
    },
  };
}

function platformCertificates(platform: SimulatedPlatform): JsonValue {
  const { vcekCert, certificateChain } = platform.thimCertificates();
  const kinds = ['VCEK', 'ASK', 'ARK'] as const;
  return parseCertificates(vcekCert + certificateChain).map(({ der }, index) => ({
    cert_type: kinds[index] ?? 'ARK',
    data: [...der],
  }));
}

/** The values of the report that Trustee's default policy asks for, as numbers and hexadecimal. */
function snpReferences(report: Uint8Array): JsonObject {
  const { measurement, reportedTcb } = parseSnpReport(report);
  const tcb = decodeTcb(reportedTcb, 'Milan');
  return {
    snp_launch_measurement: [toHex(measurement)],
    snp_bootloader: [tcb.bootloader],
    snp_tee_svn: [tcb.tee],
    snp_snp_svn: [tcb.snp],
    snp_microcode: [tcb.microcode],
  };
}

import { parseCertificates } from '@holdfast/attestation';
import type { JsonObject, JsonValue, SimulatedPlatform } from '@holdfast/attestation';
import { toBase64Url, toHex, toUtf8 } from '@holdfast/base';
import { fitDigest } from '@holdfast/initdata';
import type { InitdataMeasurements } from '@holdfast/initdata';

import { buildHclReport, runtimeDataBinding } from './hcl-report.ts';
import { checkReportData } from './machine.ts';
import type { Machine } from './machine.ts';
import { eventDigest, VirtualTpm } from './virtual-tpm.ts';

const INITDATA_REGISTER = 8;
const EXTENDED_BYTES = 32;
const USER_DATA_BYTES = 64;
/** The tenant of a public cloud cannot choose it. */
const NO_HOST_DATA = new Uint8Array(32);
/** The registers that boot fills before initdata are measured; Trustee's default policy looks at 3, 9, 11 and 12. */
const BOOT_REGISTERS = [0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 14];
const COMPARED_REGISTERS = [3, 8, 9, 11, 12];
const CONFIGURATION: JsonObject = {
  'console-enabled': false,
  'secure-boot': true,
  'tpm-enabled': true,
  vmUniqueId: '0',
};

/**
 * A confidential VM of Azure: the initdata are extended into PCR 8 once, from zeros, before the attestation agent starts.
 * Its evidence is a quote of the virtual TPM beside the report of the paravisor, of version 2.
 */
export async function createAzureVtpmMachine(
  platform: SimulatedPlatform,
  { digest }: InitdataMeasurements,
): Promise<Machine> {
  const tpm = await VirtualTpm.create();
  for (const register of BOOT_REGISTERS) tpm.extend(register, eventDigest(`holdfast simulated boot stage ${register}`));
  tpm.extend(INITDATA_REGISTER, digest.subarray(0, EXTENDED_BYTES));
  const vcek = toBase64Url(parseCertificates(platform.thimCertificates().vcekCert)[0]?.der ?? new Uint8Array());
  return {
    tee: 'az-snp-vtpm',
    measured: { register: 'PCR 8', value: toHex(tpm.register(INITDATA_REGISTER)) },
    passesInitdata: false,
    referenceValues: Object.fromEntries(
      COMPARED_REGISTERS.map((register) => [
        `snp_pcr${String(register).padStart(2, '0')}`,
        [toHex(tpm.register(register))],
      ]),
    ),
    evidence: (reportData) => {
      checkReportData(reportData);
      return evidenceOf(platform, tpm, vcek, reportData);
    },
    extend: (register, value) => tpm.extend(register, value),
  };
}

function evidenceOf(platform: SimulatedPlatform, tpm: VirtualTpm, vcek: string, reportData: Uint8Array): JsonValue {
  const runtimeData = toUtf8(
    JSON.stringify({
      keys: [attestationKey(tpm)],
      'vm-configuration': CONFIGURATION,
      'user-data': toHex(fitDigest(reportData, USER_DATA_BYTES)).toUpperCase(),
    }),
  );
  const report = platform.attester.report({ reportData: runtimeDataBinding(runtimeData), hostData: NO_HOST_DATA });
  const { message, signature, registers } = tpm.quote(reportData);
  return {
    version: 2,
    tpm_quote: { signature: toHex(signature), message: toHex(message), pcrs: registers.map((value) => toHex(value)) },
    hcl_report: toBase64Url(buildHclReport(report, runtimeData)),
    vcek,
  };
}

function attestationKey({ attestationKey: key }: VirtualTpm): JsonObject {
  const { n, e } = key.export({ format: 'jwk' });
  return { kid: 'HCLAkPub', key_ops: ['sign'], kty: 'RSA', e: e ?? '', n: n ?? '' };
}

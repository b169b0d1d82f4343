import { toHex } from '@holdfast/base';

import type { JsonObject, JsonValue } from '../json/json.ts';
import type { SnpVerifiedEvidence } from '../snp/evidence.ts';
import { uvmPayloadMember } from '../uvm/endorsement.ts';
import type { UvmEndorsement } from '../uvm/endorsement.ts';

const SNP = 'x-ms-sevsnpvm-';

/** The attestation type of a token about an SEV-SNP guest. */
export const SEV_SNP_VM = 'sevsnpvm';
/** The claim that marks a token under a root of the simulated platform. */
export const TEST_ROOT_CLAIM = 'x-ms-test-root';

export interface SevSnpVmClaimsInput {
  readonly evidence: SnpVerifiedEvidence;
  /** `iss`, without a trailing slash. */
  readonly issuer: string;
  /** 32 random bytes. */
  readonly tokenId: Uint8Array;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly lifeSeconds: number;
  readonly policyHash: string;
  readonly runtime?: JsonObject | undefined;
  readonly initTime?: JsonObject | undefined;
  readonly nonce?: string | undefined;
  readonly endorsement?: UvmEndorsement | undefined;
  readonly complianceStatus?: string | undefined;
  /** Claims about guest policy bits that newer services emit as well; default false. */
  readonly policyBitClaims?: boolean;
}

/**
 * The claims of an attestation token about an SEV-SNP guest, members in ordinal order of their names. Security versions
 * come from REPORTED_TCB; `is-debuggable` is a boolean; the endorsed version is a text.
 * @see Microsoft Azure Attestation, "SEV-SNP attestation claims"
 */
export function sevSnpVmClaims(input: SevSnpVmClaimsInput): JsonObject {
  const { report, reportedTcb, simulated } = input.evidence;
  const { policy } = report;
  return ordinal({
    exp: input.issuedAt + input.lifeSeconds,
    iat: input.issuedAt,
    iss: input.issuer,
    jti: toHex(input.tokenId),
    nbf: input.issuedAt,
    nonce: input.nonce,
    'x-ms-ver': '1.0',
    'x-ms-attestation-type': SEV_SNP_VM,
    'x-ms-compliance-status': input.complianceStatus,
    'x-ms-policy-hash': input.policyHash,
    'x-ms-runtime': input.runtime,
    'x-ms-inittime': input.initTime,
    [TEST_ROOT_CLAIM]: simulated ? true : undefined,
    [`${SNP}authorkeydigest`]: toHex(report.authorKeyDigest),
    [`${SNP}bootloader-svn`]: reportedTcb.bootloader,
    [`${SNP}tee-svn`]: reportedTcb.tee,
    [`${SNP}snpfw-svn`]: reportedTcb.snp,
    [`${SNP}microcode-svn`]: reportedTcb.microcode,
    [`${SNP}familyId`]: toHex(report.familyId),
    [`${SNP}imageId`]: toHex(report.imageId),
    [`${SNP}guestsvn`]: report.guestSvn,
    [`${SNP}hostdata`]: toHex(report.hostData),
    [`${SNP}idkeydigest`]: toHex(report.idKeyDigest),
    [`${SNP}is-debuggable`]: policy.debugAllowed,
    [`${SNP}launchmeasurement`]: toHex(report.measurement),
    [`${SNP}migration-allowed`]: policy.migrationAllowed,
    [`${SNP}smt-allowed`]: policy.smtAllowed,
    [`${SNP}reportdata`]: toHex(report.reportData),
    [`${SNP}reportid`]: toHex(report.reportId),
    [`${SNP}vmpl`]: report.vmpl,
    ...(input.policyBitClaims === true
      ? {
          [`${SNP}ciphertext-hiding-dram-enabled`]: policy.ciphertextHidingRequired,
          [`${SNP}cxl-allowed`]: policy.cxlAllowed,
          [`${SNP}mem-aes256-xts-required`]: policy.memAes256XtsRequired,
          [`${SNP}page-swap-disabled`]: policy.pageSwapDisabled,
          [`${SNP}rapl-disabled`]: policy.raplDisabledRequired,
          [`${SNP}singlesocket`]: policy.singleSocketRequired,
        }
      : {}),
    ...(input.endorsement === undefined ? {} : endorsementClaims(input.endorsement)),
  });
}

function endorsementClaims({ svn, measurement, feed, issuer }: UvmEndorsement): JsonObject {
  return {
    [`${SNP}uvm-endorsement`]: {
      [uvmPayloadMember.guestSvn]: svn.toString(),
      [uvmPayloadMember.launchMeasurement]: toHex(measurement),
    },
    [`${SNP}uvm-endorsement-headers`]: { feed, iss: issuer },
  };
}

/** The members that have a value, in ordinal order of their names. */
export function ordinal(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const present = Object.entries(members).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined);
  // Names are ASCII; comparing code units is the ordinal order.
  return Object.fromEntries(present.sort(([a], [b]) => (a < b ? -1 : Number(a > b))));
}

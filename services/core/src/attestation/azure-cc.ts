import { fromUtf8, MalformedError, toBase64 } from '@holdfast/base';
import { decodeLenientBase64 } from '@holdfast/uid2';

import type { AllowList } from '../allow-list.ts';
import { verifyMaaToken } from './maa-token.ts';
import type { MaaClaims, MaaTokenVerifierOptions } from './maa-token.ts';
import { areEquivalentUrls } from './url-equivalence.ts';
import { refuse } from './verifier.ts';
import type { EvidenceVerifier, FailureClass } from './verifier.ts';

export const AZURE_CC = 'azure-cc';

/** Lowest platform versions; a missing member asks for nothing. */
export interface MinimumTcb {
  readonly bootloader?: number;
  readonly tee?: number;
  readonly snpFirmware?: number;
  readonly microcode?: number;
}

export interface AzureCcPolicy {
  /** What operators must have meant when they asked for evidence, if they said so. */
  readonly corePublicUrl: string;
  readonly minimumEndorsementSvn?: number;
  readonly minimumTcb?: MinimumTcb;
}

export interface AzureCcOptions extends AzureCcPolicy {
  readonly token: MaaTokenVerifierOptions;
  readonly allowList: AllowList;
}

/**
 * The protocol `azure-cc`: evidence is a token of Microsoft Azure Attestation about a confidential container group. The
 * enclave id is the report's HOST_DATA, the SHA-256 of the confidential computing enforcement policy.
 */
export function createAzureCcVerifier(options: AzureCcOptions): EvidenceVerifier {
  return {
    async verify(evidence, publicKey) {
      const claims = await verifyMaaToken(Buffer.from(evidence).toString('latin1'), options.token);
      if ('accepted' in claims) return claims;
      const enclaveId = claims.hostData;
      const named = enclaveId === undefined ? {} : { enclaveId };
      const failed = firstFailure({ claims, publicKey, policy: options });
      if (failed !== undefined) return { ...refuse(failed.check, failed.failure, failed.detail), ...named };
      if (enclaveId === undefined || !options.allowList.allows(AZURE_CC, enclaveId)) {
        return { ...refuse('allow-list', 'FORBIDDEN_ENCLAVE'), ...named };
      }
      return { accepted: true, enclaveId, publicKey };
    },
  };
}

/** What the checks of the policy look at. */
export interface AppraisedToken {
  readonly claims: MaaClaims;
  /** DER from the request. */
  readonly publicKey: Uint8Array;
  readonly policy: AzureCcPolicy;
}

interface PolicyCheck {
  readonly id: string;
  readonly failure: FailureClass;
  /** The text for the operator when the check fails; undefined when it passes. */
  readonly problem: (subject: AppraisedToken) => string | undefined;
}

/**
 * The policy step, in the order of the UID2 reference; the first failure decides. The last two ask for nothing unless
 * configured, so that an operator of the reference passes.
 */
const CHECKS: readonly PolicyCheck[] = [
  {
    id: 'attestation-type',
    failure: 'BAD_FORMAT',
    problem: ({ claims }) => (claims.attestationType?.toLowerCase() === 'sevsnpvm' ? undefined : 'Not in SevSnp VM'),
  },
  {
    id: 'compliance-status',
    failure: 'BAD_FORMAT',
    problem: ({ claims }) =>
      claims.complianceStatus?.toLowerCase() === 'azure-compliant-uvm'
        ? undefined
        : 'Not run in Azure Compliance Utility VM',
  },
  {
    id: 'not-debuggable',
    failure: 'BAD_FORMAT',
    problem: ({ claims }) => {
      const { debuggable } = claims;
      if (debuggable === undefined) throw missingClaim('x-ms-sevsnpvm-is-debuggable');
      return debuggable ? 'The underlying hardware should not run in debug mode' : undefined;
    },
  },
  {
    id: 'location-present',
    failure: 'BAD_PAYLOAD',
    problem: (subject) => (runtimeText(subject, 'location') ? undefined : 'Location is not specified.'),
  },
  {
    id: 'location-supported',
    failure: 'BAD_PAYLOAD',
    problem: (subject) => {
      const location = runtimeText(subject, 'location') ?? '';
      return /china|europe/.test(location.toLowerCase()) ? `Location is not supported. Value: ${location}` : undefined;
    },
  },
  {
    id: 'public-key-present',
    failure: 'BAD_FORMAT',
    problem: ({ publicKey }) => (publicKey.length > 0 ? undefined : 'public key to check is null or empty'),
  },
  {
    id: 'public-key-bound',
    failure: 'BAD_FORMAT',
    problem: (subject) => {
      const proved = runtimeText(subject, 'publicKey');
      const expected = toBase64(subject.publicKey);
      return proved === expected
        ? undefined
        : `Public key in payload does not match expected value. More info: runtime(${proved ?? null}), expected(${expected})`;
    },
  },
  {
    id: 'attestation-url',
    failure: 'UNKNOWN_ATTESTATION_URL',
    problem: (subject) => {
      const encoded = runtimeText(subject, 'attestationUrl');
      if (encoded === undefined) return undefined;
      const url = decodeText(encoded);
      return areEquivalentUrls(url, subject.policy.corePublicUrl)
        ? undefined
        : `The given attestation URL is unknown. Given URL: ${url}`;
    },
  },
  {
    id: 'endorsement-svn',
    failure: 'BAD_FORMAT',
    problem: ({ claims, policy }) => {
      const minimum = policy.minimumEndorsementSvn;
      if (minimum === undefined) return undefined;
      const given = claims.endorsementSvn;
      return given !== undefined && given >= minimum
        ? undefined
        : `The utility VM is older than allowed. Security version: ${given ?? 'unknown'}, lowest allowed: ${minimum}`;
    },
  },
  {
    id: 'platform-tcb',
    failure: 'BAD_FORMAT',
    problem: ({ claims, policy }) => {
      const given = claims.platform;
      for (const part of ['bootloader', 'tee', 'snpFirmware', 'microcode'] as const) {
        const minimum = policy.minimumTcb?.[part] ?? 0;
        if (minimum > 0 && (given[part] ?? -1) < minimum) {
          return `The platform firmware is older than allowed. ${part}: ${given[part] ?? 'unknown'}, lowest allowed: ${minimum}`;
        }
      }
      return undefined;
    },
  },
];

/** Runs the policy step on a verified token; undefined when every check passes. */
export function firstFailure(
  subject: AppraisedToken,
): { readonly check: string; readonly failure: FailureClass; readonly detail: string } | undefined {
  for (const check of CHECKS) {
    const detail = check.problem(subject);
    if (detail !== undefined) return { check: check.id, failure: check.failure, detail };
  }
  return undefined;
}

/** A text member of the runtime data; a member of another type counts as absent. */
function runtimeText({ claims }: AppraisedToken, name: string): string | undefined {
  const { runtime } = claims;
  if (runtime === undefined) throw missingClaim('x-ms-runtime');
  const value: unknown = Object.hasOwn(runtime, name) ? runtime[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function decodeText(base64: string): string {
  const bytes = decodeLenientBase64(base64);
  if (bytes === undefined) {
    throw new MalformedError('ATTESTATION_EVIDENCE_MALFORMED', 'attestationUrl of the runtime data is not Base64');
  }
  return fromUtf8(bytes);
}

function missingClaim(name: string): MalformedError {
  return new MalformedError('ATTESTATION_EVIDENCE_MALFORMED', `the token has no usable claim ${name}`, {
    details: { claim: name },
  });
}

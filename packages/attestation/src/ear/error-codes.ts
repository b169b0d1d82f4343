import type { ErrorCodeTable } from '@holdfast/base';

export const earErrorCodes: ErrorCodeTable = {
  EAR_CLAIM_UNKNOWN: {
    family: 'policy',
    meaning: 'An attestation policy sets a trust claim that AR4SI does not define.',
    action: 'Use the eight names of the trustworthiness vector in `trust_claims`.',
  },
  EAR_CLAIM_OUT_OF_RANGE: {
    family: 'policy',
    meaning: 'An attestation policy sets a trust claim to something that is no integer from -128 to 127.',
    action: 'Correct the named claim in the policy.',
  },
  EAR_SIGNER_INVALID: {
    family: 'config',
    meaning: 'The key for attestation tokens is not a P-256 key.',
    action: 'Make one with: openssl ecparam -name prime256v1 -genkey -noout',
  },
};

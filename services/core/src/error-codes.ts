import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  TEST_ROOT_IN_PROD: {
    family: 'config',
    meaning: 'A component with environment prod was told to trust something that exists for tests only.',
    action: 'Remove the named settings, or use another environment on a machine that holds no real seeds.',
  },
  CORE_JWT_KEY_UNUSABLE: {
    family: 'config',
    meaning: 'A file with a key for operator JWTs cannot be read or holds no RSA key of 2048 bits or more.',
    action: 'Write an RSA key in PEM (PKCS#8 private, SPKI public) to the named file.',
  },
  CORE_OPERATOR_SITE_MISSING: {
    family: 'malformed',
    meaning: 'The record of an operator has no site_id, so its view of the seeds cannot be chosen.',
    action: 'Add site_id to the record of this operator in the operators file.',
  },
  CORE_METADATA_MALFORMED: {
    family: 'malformed',
    meaning: 'A metadata file is not JSON or lacks the location of its store.',
    action: 'Write the named metadata file again with the administrator tools.',
  },
  ATTESTATION_EVIDENCE_MALFORMED: {
    family: 'malformed',
    meaning: 'The evidence of an operator is not an attestation token, or lacks a claim that every such token has.',
    action:
      'Check that the operator uses the protocol of its record and that its sidecar reaches the attestation service.',
  },
  CORE_ATTEST_BODY_UNEXPECTED: {
    family: 'malformed',
    meaning: 'The body of an attestation request is JSON, but an array or a scalar.',
    action: 'Send the object that UID2 operators send.',
  },
  MAA_KEY_UNKNOWN: {
    family: 'dependency',
    meaning: 'The attestation service does not publish the key that a token names.',
    action: 'Check that operator and Core use the same attestation service; after a key rotation this ends by itself.',
  },
  MAA_KEYS_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'The keys of the attestation service could not be fetched or read.',
    action:
      'Check the configured address of the attestation service and that this machine reaches it; operators keep working for twelve hours.',
  },
};

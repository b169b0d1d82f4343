import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  KBS_REFUSED: {
    family: 'request',
    meaning: 'The key broker refuses a request. Outside, the answer names one of the variants of the KBS protocol.',
    action: 'Read the cause in the log line of the request.',
  },
  TRUSTEE_CONFIG_UNREADABLE: {
    family: 'config',
    meaning: 'The configuration file of the key broker cannot be read, or is neither TOML, JSON nor YAML.',
    action: 'Check the path; YAML needs a name that ends in .yaml or .yml.',
  },
  TRUSTEE_CONFIG_INVALID: {
    family: 'config',
    meaning: 'The configuration of the key broker is incomplete, contradictory or insecure.',
    action: 'Correct the named members.',
  },
  TRUSTEE_STORAGE_KEY_INVALID: {
    family: 'request',
    meaning: 'A name cannot be stored: only letters, digits, "_", ".", "/" and "-" are allowed, 200 at most.',
    action: 'Use another name for the policy or reference value.',
  },
  TRUSTEE_STORAGE_MALFORMED: {
    family: 'malformed',
    meaning: 'A stored file of the key broker is not in the form it was written in.',
    action: 'Restore the named file from a backup, or remove it.',
  },
  TRUSTEE_EVIDENCE_INVALID: {
    family: 'malformed',
    meaning: 'Evidence or the request around it is not in the form the KBS protocol gives it.',
    action: 'Check that the versions of guest components and key broker fit together (protocol 0.4.0).',
  },
  TRUSTEE_EVIDENCE_REFUSED: {
    family: 'verification',
    meaning: 'Evidence does not bind what it has to: the nonce and key of the session, or the init data.',
    action: 'Compare the digests in the log line; a guest that restarted asks for a new challenge by itself.',
  },
  TRUSTEE_TEE_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'There is no verifier for this kind of evidence, or it is not enabled.',
    action: 'Sample evidence has to be enabled in the configuration; it protects nothing.',
  },
  TRUSTEE_APPRAISAL_FAILED: {
    family: 'policy',
    meaning: 'The attestation policy is missing or its result is no set of trust claims.',
    action: 'Upload a policy whose `trust_claims` is an object of integers.',
  },
  TRUSTEE_RESOURCE_DENIED: {
    family: 'policy',
    meaning: 'The resource policy gives a guest nothing at a path. The log line says what the guest was found to be.',
    action: 'Look up the token id in the line "attestation token issued", which names the reference values not met.',
  },
  TRUSTEE_TOKEN_REFUSED: {
    family: 'verification',
    meaning: 'An attestation token is not signed by a trusted key, is expired, or names no guest key.',
    action: 'Add the certificate or key set of the attestation service to [attestation_token].',
  },
  TRUSTEE_ADMIN_REFUSED: {
    family: 'policy',
    meaning: 'A caller is no administrator for the path.',
    action: 'Check the role in the token and the access list in [admin.authorization.regex_acl].',
  },
  TRUSTEE_REFERENCE_MESSAGE_INVALID: {
    family: 'malformed',
    meaning: 'A message with reference values cannot be read.',
    action: 'Send version 0.1.0, type "sample" and a Base64 payload with a JSON object.',
  },
  TRUSTEE_GRPC_MALFORMED: {
    family: 'malformed',
    meaning: 'A message over gRPC is no Protocol Buffers message.',
    action: 'Check that the caller speaks the interface of the attestation service or of the reference values.',
  },
  TRUSTEE_GRPC_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'An attestation service or reference value service in another process does not answer.',
    action: 'Check as_addr and rvps_config.address, and that the service runs.',
  },
  TRUSTEE_REFERENCES_REMOTE: {
    family: 'request',
    meaning: 'Reference values that another service keeps can be registered and read here, not listed or removed.',
    action: 'Ask the service that keeps them.',
  },
  TRUSTEE_GRPC_LISTEN_FAILED: {
    family: 'dependency',
    meaning: 'An address for gRPC cannot be listened on.',
    action: 'Stop the program that uses the port, or choose another port.',
  },
  TRUSTEE_CERTIFICATES_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'The certificates of a processor could not be found in any configured source.',
    action: 'Check the network to AMD, or fill the offline store.',
  },
};

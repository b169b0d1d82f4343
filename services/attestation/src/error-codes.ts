import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  TEST_ROOT_IN_PROD: {
    family: 'config',
    meaning: 'A component with environment prod was told to trust something that exists for tests only.',
    action: 'Remove the named settings, or use another environment on a machine that holds no real seeds.',
  },
  TRUSTED_ROOT_UNKNOWN: {
    family: 'config',
    meaning: 'A file of trusted_root_files holds something other than one root key of AMD.',
    action:
      'Name files with the ARK certificates that AMD publishes; a simulated root belongs into simulated_root_file.',
  },
  SIMULATED_ROOT_INVALID: {
    family: 'config',
    meaning: 'The file of simulated_root_file does not hold one simulated root certificate.',
    action: 'Point it at the root that the simulated platform wrote.',
  },
  TRUSTED_INTERMEDIATE_INVALID: {
    family: 'config',
    meaning: 'A file of intermediate_files does not hold certificates.',
    action: 'Store what AMD answers at /vcek/v1/{product}/cert_chain.',
  },
  REVOCATION_LIST_INVALID: {
    family: 'config',
    meaning: 'A file of revocation_list_files does not hold one revocation list.',
    action: 'Store what AMD answers at /vcek/v1/{product}/crl, one list in each file.',
  },
  REVOCATION_LISTS_MISSING: {
    family: 'config',
    meaning: 'Revocation is hard, and no list is named, so that no evidence could be accepted.',
    action: 'Name the lists in revocation_list_files, or choose another mode.',
  },
  SIGNING_KEY_INVALID: {
    family: 'config',
    meaning: 'The token signing key is not RSA with 2048 bits or more, or the certificate belongs to another key.',
    action: 'Give an RSA key and the certificate of that key, both in PEM.',
  },
  TLS_INCOMPLETE: {
    family: 'config',
    meaning: 'Only one of tls_key_file and tls_certificate_file is set.',
    action: 'Set both, or none for plain http behind a proxy that ends TLS.',
  },
  ATTESTATION_FILE_UNREADABLE: {
    family: 'config',
    meaning: 'A file that the configuration names cannot be read.',
    action: 'Check the path and the permissions of the file.',
  },
  MANAGEMENT_STATEMENT_REFUSED: {
    family: 'request',
    meaning: 'The body of a management request is not a JWS that this instance accepts, or lacks what it is about.',
    action: 'Sign with a policy signer of the instance, its certificate first in x5c; unsecured only without signers.',
  },
  MANAGEMENT_NOT_ISOLATED: {
    family: 'verification',
    meaning: 'Policy signers cannot be added to an instance that was made without any.',
    action: 'Name the first ones in management.policy_signer_certificate_files.',
  },
  MANAGEMENT_TOKEN_REFUSED: {
    family: 'verification',
    meaning: 'The access token of a management request is not one of an administrator of this instance.',
    action: 'Get a token for the audience of the instance, as one of management.administrators.',
  },
  MANAGEMENT_KEYS_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'The keys that sign access tokens of administrators cannot be fetched.',
    action: 'Check management.keys_url and that this machine reaches it.',
  },
  MANAGEMENT_STATE_UNREADABLE: {
    family: 'config',
    meaning: 'The file with the policy and its signers does not hold what this service writes.',
    action: 'Restore the file, or delete it to start with the default policy.',
  },
  MANAGEMENT_SIGNER_INVALID: {
    family: 'config',
    meaning: 'A file of management.policy_signer_certificate_files does not hold one certificate.',
    action: 'Put one PEM certificate into each file.',
  },
};

import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  SAMPLE_SETTINGS_INVALID: {
    family: 'config',
    meaning: 'A setting of the producer or the consumer is missing or cannot be used.',
    action: 'Correct the named settings.',
  },
  SAMPLE_PUBLIC_KEY_INVALID: {
    family: 'config',
    meaning: 'PUBKEY, or the file in its place, is no RSA public key in PEM (SubjectPublicKeyInfo).',
    action: 'Give the NAME-pub.pem that holdfast key create --files wrote, line breaks included.',
  },
  SAMPLE_MESSAGE_TOO_LONG: {
    family: 'config',
    meaning: 'A message does not fit into one RSA-OAEP block of the key.',
    action: 'Shorten MSG, or use a longer key.',
  },
  SAMPLE_MESSAGE_UNREADABLE: {
    family: 'malformed',
    meaning: 'A message is no Base64, or was not encrypted with this key.',
    action: 'Check that the producer has the public part of the key that was released.',
  },
  SAMPLE_SIDECAR_UNREACHABLE: {
    family: 'dependency',
    meaning: 'No sidecar answers in this pod, or it is not ready.',
    action: 'Run the pod with the sidecar container in a confidential guest, or check the log of the sidecar.',
  },
  SAMPLE_KEY_REFUSED: {
    family: 'dependency',
    meaning: 'The sidecar did not get the key released.',
    action:
      'Compare the policy digest of this pod with the release policy of the key; the log of the vault names the claim.',
  },
  SAMPLE_KEY_UNUSABLE: {
    family: 'dependency',
    meaning: 'What the sidecar answered is no RSA private key, or not the one of the configured public key.',
    action: 'Create the key with holdfast key create, and name it in SkrClientKID.',
  },
};

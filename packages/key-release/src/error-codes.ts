import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  KEY_WRAP_INVALID: {
    family: 'request',
    meaning: 'Key material cannot be wrapped: it is empty or too long, or the wrapping key has a wrong type or size.',
    action: 'Use an RSA key of 2048 bits or more, and an AES key of 16, 24 or 32 bytes.',
  },
  KEY_UNWRAP_FAILED: {
    family: 'verification',
    meaning: 'A wrapped key does not unwrap; why is never said.',
    action: 'Check that the ciphertext is whole, was made for this key, and with this algorithm.',
  },
  RELEASE_POLICY_INVALID: {
    family: 'request',
    meaning: 'A key release policy does not follow the grammar.',
    action: 'See the key release policy grammar of Azure Key Vault; the message names the place.',
  },
  RELEASE_REQUEST_INVALID: {
    family: 'request',
    meaning: 'The body of a release request lacks its target, or a member is not acceptable.',
    action: 'Send target, and optionally nonce and enc.',
  },
  RELEASE_TARGET_MALFORMED: {
    family: 'malformed',
    meaning: 'The target of a release request is not a JWT.',
    action: 'Send the attestation token exactly as the attestation service returned it.',
  },
  RELEASE_AUTHORITY_UNKNOWN: {
    family: 'verification',
    meaning: 'The release policy names no authority that is the issuer of the token.',
    action: 'Attest with a service that the release policy names, or change the policy.',
  },
  RELEASE_POLICY_UNMET: {
    family: 'policy',
    meaning: 'The token is good and does not say what the release policy asks for; details name the claims.',
    action: 'Compare the claims of the token with the release policy; a changed policy digest is the usual reason.',
  },
  RELEASE_NO_ENCRYPTION_KEY: {
    family: 'policy',
    meaning: 'The token names no RSA key inside the attested environment that a key could be encrypted to.',
    action: 'Bind an RSA key of 2048 bits or more, with key_ops ["encrypt"], into the runtime data of the attestation.',
  },
  RELEASE_TOKEN_REPLAYED: {
    family: 'verification',
    meaning: 'The vault accepts each token once, and this one has no id or was used before.',
    action: 'Attest again for every release.',
  },
  RELEASE_RESPONSE_MALFORMED: {
    family: 'malformed',
    meaning: 'What a vault answered to a release request is not a release response.',
    action: 'Check which server answers at the address of the vault.',
  },
  RELEASE_RESPONSE_ALGORITHM: {
    family: 'verification',
    meaning: 'A release response is not signed with RS256.',
    action: 'Check which server answers at the address of the vault.',
  },
  RELEASE_RESPONSE_CERTIFICATE: {
    family: 'verification',
    meaning: 'The certificates of a release response cannot be used, or are not those that its header names.',
    action: 'Check which server answers at the address of the vault.',
  },
  RELEASE_RESPONSE_SIGNATURE: {
    family: 'verification',
    meaning: 'The signature of a release response does not hold.',
    action: 'The answer was changed on its way, or another server answered: check the address of the vault.',
  },
  RELEASE_RESPONSE_CHAIN: {
    family: 'verification',
    meaning: 'The certificate of a release response is not a valid web server certificate of the vault that was asked.',
    action: 'Check the trusted roots (NODE_EXTRA_CA_CERTS for a private authority), the clock, and the vault address.',
  },
  RELEASE_RESPONSE_MISMATCH: {
    family: 'verification',
    meaning: 'A release response is genuine and answers another request: key, nonce, algorithm or recipient differ.',
    action: 'Check which server answers at the address of the vault.',
  },
  RELEASED_KEY_MISMATCH: {
    family: 'verification',
    meaning: 'The released private key does not belong to the public key that the vault stated.',
    action: 'Check the key in the vault; import it again.',
  },
  SEALED_SECRET_MALFORMED: {
    family: 'malformed',
    meaning: 'A sealed secret is not a compact JWE with RSA-OAEP-256 and A256GCM.',
    action: 'Seal it again to the public half of the key, as the guide on attested secrets shows.',
  },
  SEALED_SECRET_UNDECRYPTABLE: {
    family: 'verification',
    meaning: 'A sealed secret cannot be opened with the released key: it was made for another one, or changed.',
    action: 'Seal the secret to the key that its settings name.',
  },
  DISK_KEY_UNUSABLE: {
    family: 'verification',
    meaning: 'No volume key can be made of the released key: it is neither RSA nor symmetric with 32 bytes.',
    action: 'Use the key that the volume was encrypted with.',
  },
  RELEASED_KEY_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'The released key is of a type other than RSA, EC and oct.',
    action: 'Use a key of one of these types.',
  },
};

import type { ErrorCodeTable } from '@holdfast/base';

import { administrationErrorCodes } from './administration/error-codes.ts';

export const errorCodes: ErrorCodeTable = {
  SALT_METADATA_MALFORMED: {
    family: 'malformed',
    meaning: 'The salts metadata lack a field or hold one of another type.',
    action: 'Check the salts metadata that UID2 Core serves; the message names the field.',
  },
  SALT_FILE_MALFORMED: {
    family: 'malformed',
    meaning: 'A line of a salt file does not parse, or there are more lines than the metadata announce.',
    action:
      'Compare the named line with the eleven columns of a salt file and the size in the metadata; publish the file again.',
  },
  SALT_ENTRY_UNUSABLE: {
    family: 'verification',
    meaning: 'A salt bucket that an identity falls into is missing, or has neither a salt nor complete key material.',
    action: 'Publish a salt file with material for the named bucket.',
  },
  CIPHER_MESSAGE_TRUNCATED: {
    family: 'malformed',
    meaning: 'An encrypted message is too short for its layout.',
    action: 'Check that the message arrived whole.',
  },
  CIPHER_AUTHENTICATION_FAILED: {
    family: 'verification',
    meaning: 'An encrypted message was changed or belongs to another key.',
    action: 'Check that both sides use the same secret.',
  },
  CIPHER_KEY_LENGTH_INVALID: {
    family: 'internal',
    meaning: 'A key was used whose length no AES variant has.',
    action: 'Use a key of 32 bytes.',
  },
  ADVERTISING_TOKEN_INVALID: {
    family: 'verification',
    meaning: 'A text is not a whole, authentic advertising token under a known key.',
    action: 'Ask for a new token, or check that this operator knows the keys the token was made with.',
  },
  REFRESH_TOKEN_INVALID: {
    family: 'verification',
    meaning: 'A text is not a refresh token, or names an unknown version or key.',
    action: 'Generate a new token for the user.',
  },
  REFRESH_TOKEN_CORRUPT: {
    family: 'malformed',
    meaning: 'A refresh token is cut short or was changed.',
    action: 'Send the refresh token exactly as it was received.',
  },
  REFRESH_WRAPPER_BASE64_INVALID: {
    family: 'malformed',
    meaning: 'A refresh token of wrapped length is not Base64.',
    action: 'Send the refresh token exactly as it was received.',
  },
  REFRESH_WRAPPER_KEY_UNKNOWN: {
    family: 'verification',
    meaning: 'A wrapped refresh token names a key this operator does not have.',
    action: 'Generate a new token for the user.',
  },
  REFRESH_WRAPPER_DECRYPTION_FAILED: {
    family: 'verification',
    meaning: 'A wrapped refresh token was changed or belongs to another key.',
    action: 'Send the refresh token exactly as it was received.',
  },
  REFRESH_WRAPPER_PAYLOAD_INVALID: {
    family: 'malformed',
    meaning: 'The content of a wrapped refresh token is not JSON with a refresh response key.',
    action: 'Generate a new token for the user.',
  },
  REFRESH_WRAPPER_LENGTH_INVALID: {
    family: 'internal',
    meaning: 'A wrapped refresh token came out with another length than 388 characters.',
    action: 'Report this as a defect; clients recognise wrapped tokens by their length.',
  },
  TOKEN_LIFETIMES_INVALID: {
    family: 'policy',
    meaning: 'The configured token lifetimes contradict each other.',
    action: 'Make refresh-after at most the identity lifetime, and that at most the refresh lifetime.',
  },
  KEYSETS_MALFORMED: {
    family: 'malformed',
    meaning: 'A keysets file lacks a field or holds one of another type.',
    action: 'Check the keysets that UID2 Core serves; the message names the field.',
  },
  KEYSET_KEYS_MALFORMED: {
    family: 'malformed',
    meaning: 'A keyset keys file lacks a field, holds one of another type, or a secret is not Base64.',
    action: 'Check the keyset keys that UID2 Core serves; the message names the field.',
  },
  KEYSET_DEFAULT_DUPLICATE: {
    family: 'malformed',
    meaning: 'A site has more than one enabled default keyset, so nobody can say which key makes its tokens.',
    action: 'Disable all but one default keyset of the named site.',
  },
  JSON_INVALID: {
    family: 'malformed',
    meaning: 'A text is not JSON, not the JSON object it should be, or beyond the limits for depth, names and numbers.',
    action: 'Check the text that was sent or stored.',
  },
  ENVELOPE_MISSING: {
    family: 'request',
    meaning: 'A request that needs an encrypted envelope has no body.',
    action: 'Send the encrypted request envelope as the body.',
  },
  ENVELOPE_PLAIN_JSON: {
    family: 'request',
    meaning: 'A request body is plain JSON where an encrypted envelope is expected.',
    action: 'Encrypt the request with the client secret, as the UID2 documentation shows.',
  },
  ENVELOPE_NOT_BASE64: {
    family: 'request',
    meaning: 'A request body sent as text is not Base64.',
    action: 'Send Base64 without line breaks, or raw bytes as application/octet-stream.',
  },
  ENVELOPE_TOO_SHORT: {
    family: 'request',
    meaning: 'A request envelope is shorter than its fixed parts.',
    action: 'Check the encryption method: version byte, IV, ciphertext, tag.',
  },
  ENVELOPE_VERSION_UNKNOWN: {
    family: 'request',
    meaning: 'A request envelope begins with another version than 1.',
    action: 'Put the byte 1 before IV, ciphertext and tag.',
  },
  ENVELOPE_KEY_MISMATCH: {
    family: 'request',
    meaning: 'A request envelope cannot be decrypted with the secret of the API key it came with.',
    action: 'Check that API key and client secret belong together.',
  },
  ENVELOPE_CLOCK_DRIFT: {
    family: 'request',
    meaning: 'The time in a request envelope is too far from the clock of the operator.',
    action: 'Synchronise the clock of the caller, and send requests when they are made.',
  },
  ENVELOPE_PAYLOAD_INVALID: {
    family: 'request',
    meaning: 'What a request envelope holds is not a JSON object.',
    action: 'Encrypt the UTF-8 text of one JSON object.',
  },
  ENVELOPE_CHARSET_UNKNOWN: {
    family: 'internal',
    meaning: 'The content type of a request names an unknown charset, which the reference answers with its bare 500.',
    action: 'Send no charset, or utf-8.',
  },
  ENVELOPE_NONCE_LENGTH: {
    family: 'internal',
    meaning: 'A nonce of another length than 8 bytes was to be sealed.',
    action: 'Report this as a defect.',
  },
  ENVELOPE_RESPONSE_UNREADABLE: {
    family: 'verification',
    meaning: 'A reply cannot be decrypted: another secret, or changed bytes.',
    action: 'Check that the client secret is the one of the API key.',
  },
  ENVELOPE_RESPONSE_MISMATCH: {
    family: 'verification',
    meaning: 'A reply carries the nonce of another request.',
    action: 'Discard the reply; check what sits between client and operator.',
  },
  ENVELOPE_RESPONSE_MALFORMED: {
    family: 'malformed',
    meaning: 'A decrypted reply is too short or does not hold a JSON object.',
    action: 'Check that the address is a UID2 operator of API version 2.',
  },
  API_KEY_HASH_DUPLICATE: {
    family: 'malformed',
    meaning: 'Two records of a clients or operators file have the same key hash.',
    action: 'Remove one of them; until then the whole file is refused.',
  },
  CORE_ATTESTATION_TOKEN_INVALID: {
    family: 'verification',
    meaning: 'A text is not an attestation token made with the passphrase of this deployment.',
    action: 'Attest again; check that Core and Opt-Out share passphrase and salt.',
  },
  CORE_ATTESTATION_TOKEN_FOREIGN: {
    family: 'verification',
    meaning: 'An attestation token was presented with another operator key than it was given to.',
    action: 'Attest with the operator key that is in use.',
  },
  CORE_ATTESTATION_TOKEN_EXPIRED: {
    family: 'verification',
    meaning: 'An attestation token has run out.',
    action: 'Attest again.',
  },
  OPERATOR_JWT_INVALID: {
    family: 'verification',
    meaning: 'An operator JWT has a wrong signature, audience, issuer or claim.',
    action: 'Attest again; check public keys, audience and issuer in the configuration of the service.',
  },
  OPERATOR_JWT_EXPIRED: {
    family: 'verification',
    meaning: 'An operator JWT has run out.',
    action: 'Attest again.',
  },
  OPERATOR_JWT_UNCONFIGURED: {
    family: 'internal',
    meaning: 'A service was shown an operator JWT but does not know its own audience or issuer.',
    action: 'Set core_public_url and optout_url.',
  },
  OPTOUT_FILE_MALFORMED: {
    family: 'malformed',
    meaning: 'An opt-out file is not a whole number of 72-byte records, or a delta lacks its sentinels.',
    action: 'Fetch the file again; if it stays so, it was damaged where it is stored.',
  },
  OPTOUT_RECORD_INVALID: {
    family: 'internal',
    meaning: 'An opt-out with a hash, UID or time of impossible size was to be written.',
    action: 'Report this as a defect.',
  },
  SEED_FILE_MALFORMED: {
    family: 'malformed',
    meaning: 'A seed file is not JSON, or a record in it lacks a field or holds one of another type.',
    action: 'Correct the named record; until then the whole file is refused.',
  },
  CLOUD_FILE_MALFORMED: {
    family: 'malformed',
    meaning: 'A store file that should be encrypted is not an encryption envelope.',
    action: 'Write the encrypted copy of the file again.',
  },
  CLOUD_FILE_KEY_UNKNOWN: {
    family: 'verification',
    meaning: 'A store file is encrypted with a key this reader does not have.',
    action: 'Wait for the next refresh of the cloud encryption keys, or check the site of the operator key.',
  },
  CLOUD_FILE_UNREADABLE: {
    family: 'verification',
    meaning: 'A store file cannot be decrypted with the key it names.',
    action: 'Write the encrypted file again with the current key.',
  },
  CLIENT_SIDE_KEY_INVALID: {
    family: 'malformed',
    meaning: 'A public or private key for client-side token generation is not Base64 of an elliptic-curve key.',
    action: 'Send SubjectPublicKeyInfo of a P-256 key; in seed files keep the nine-character prefix.',
  },
  CLIENT_SIDE_CURVE_UNSUITABLE: {
    family: 'policy',
    meaning: 'A key for client-side token generation is on a curve other than P-256.',
    action: 'Make a new key pair on P-256.',
  },
  CLIENT_SIDE_REQUEST_INVALID: {
    family: 'request',
    meaning: 'The body of a client-side token request is no object, has an unknown member or one of the wrong type.',
    action: 'Send exactly the members that the endpoint documents.',
  },
  TCF_STRING_INVALID: {
    family: 'malformed',
    meaning: 'A text is not a transparency and consent string of version 1 or 2.',
    action: 'Send the consent string as the consent management platform made it.',
  },
  TCF_VERSION_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'A consent string of version 1 says nothing about legitimate interests.',
    action: 'Ask the user again with a consent management platform of the current framework.',
  },
  ...administrationErrorCodes,
  CLOUD_ENCRYPTION_KEY_MISSING: {
    family: 'policy',
    meaning: 'A site has an operator but no active cloud encryption key, so no file can be encrypted for it.',
    action: 'Give every site with an operator a cloud encryption key, then derive the files again.',
  },
  SCOPED_SOURCE_MISSING: {
    family: 'policy',
    meaning: 'The metadata of a store name a file that is not in the bucket, so no copy of it can be made.',
    action: 'Write the named file, or the metadata, again with the administrator tools.',
  },
};

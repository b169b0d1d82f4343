import type { ErrorCodeTable } from '@holdfast/base';

/** Codes of the local Azure endpoints. Answers on the wire use Azure's own codes. */
export const azureErrorCodes: ErrorCodeTable = {
  LOCAL_CA_UNREADABLE: {
    family: 'malformed',
    meaning:
      'The key or certificate of the local certificate authority cannot be read, or they do not belong together.',
    action: 'Delete the folder ca of the home directory; the next start makes a new authority.',
  },
  LOCAL_TOKEN_KEY_UNREADABLE: {
    family: 'malformed',
    meaning: 'The key that signs access tokens of the local tenant is not a usable RSA private key.',
    action: 'Delete the named file; the next start makes a new key.',
  },
  LOCAL_VAULT_UNREADABLE: {
    family: 'malformed',
    meaning: 'The file of the local Key Vault does not hold what the vault writes.',
    action: 'Restore the named file, or delete it to start with an empty vault.',
  },
  ACCESS_TOKEN_MALFORMED: {
    family: 'malformed',
    meaning: 'A bearer token or client assertion is not a JWT in compact form.',
    action: 'Send the access token exactly as the token endpoint returned it.',
  },
  ACCESS_TOKEN_INVALID: {
    family: 'verification',
    meaning: 'A bearer token is not one that the local tenant issued for this service, or its time is over.',
    action: 'Get a new token for the resource that the challenge names.',
  },
  ENTRA_REFUSED: {
    family: 'request',
    meaning: 'The token endpoint refuses a request; details hold the AADSTS number that the client sees.',
    action: 'Look up the AADSTS number; check tenant, client id, credential and scope.',
  },
  VAULT_PARAMETER_INVALID: {
    family: 'request',
    meaning: 'A name, version, attribute or value of a secret is not acceptable to Key Vault.',
    action: 'Names are 1 to 127 letters, digits and hyphens; values at most 25 KiB.',
  },
  VAULT_SECRET_NOT_FOUND: {
    family: 'request',
    meaning: 'The vault has no secret, or no version of it, under this name.',
    action: 'Check the name; a deleted secret can be recovered.',
  },
  VAULT_SECRET_DISABLED: {
    family: 'request',
    meaning: 'The secret exists and is disabled.',
    action: 'Enable the secret or set a new version.',
  },
  VAULT_SECRET_DELETED: {
    family: 'request',
    meaning: 'A deleted but recoverable secret occupies the name.',
    action: 'Recover or purge the deleted secret.',
  },
  VAULT_KEY_PARAMETER_INVALID: {
    family: 'request',
    meaning: 'A name, kind, size, attribute, policy or value of a key is not acceptable to Key Vault.',
    action: 'The message carries the number of the rule where Key Vault has one (AKV.SKR).',
  },
  VAULT_KEY_NOT_FOUND: {
    family: 'request',
    meaning: 'The vault has no key, or no version of it, under this name.',
    action: 'Check the name; a deleted key can be recovered.',
  },
  VAULT_KEY_DELETED: {
    family: 'request',
    meaning: 'A deleted but recoverable key occupies the name, or a restored one would replace a key.',
    action: 'Recover or purge the deleted key.',
  },
  VAULT_KEY_DISABLED: {
    family: 'request',
    meaning: 'The key exists and is disabled.',
    action: 'Enable the key.',
  },
  VAULT_KEY_NOT_YET_VALID: {
    family: 'request',
    meaning: 'The key may be used only later (nbf).',
    action: 'Wait, or change the activation date.',
  },
  VAULT_KEY_EXPIRED: {
    family: 'request',
    meaning: 'The time of the key is over (exp).',
    action: 'Rotate the key, or change the expiration date.',
  },
  VAULT_KEY_OPERATION_FORBIDDEN: {
    family: 'request',
    meaning: 'The operation is not among the key_ops of the key.',
    action: 'Use a key made for the operation.',
  },
  RELEASE_AUTHORITY_UNREACHABLE: {
    family: 'dependency',
    meaning: 'The vault cannot get the keys of the attestation service that a release policy names.',
    action: 'Check that the vault reaches the service, and that its metadata name it and its keys.',
  },
  ISSUER_KEYS_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'The documents of an issuer that a federated credential names cannot be fetched or do not fit.',
    action: 'Check that they are public, https, application/json, not redirected, and name this very issuer.',
  },
  VAULT_CERTIFICATE_NOT_FOUND: {
    family: 'request',
    meaning: 'The vault has no certificate, or no version of it, under this name.',
    action: 'Check the name; a deleted certificate can be recovered.',
  },
  VAULT_CERTIFICATE_DELETED: {
    family: 'request',
    meaning: 'A deleted but recoverable certificate occupies the name.',
    action: 'Recover or purge the deleted certificate.',
  },
  VAULT_CERTIFICATE_PARAMETER_INVALID: {
    family: 'request',
    meaning: 'A name, policy, attribute or file of a certificate is not acceptable to Key Vault.',
    action: 'Certificates are made with the issuer Self, or imported as PEM with an unencrypted key.',
  },
  LOCAL_ADMINISTRATOR_UNREADABLE: {
    family: 'malformed',
    meaning: 'The file with the administrator of the local cloud is missing or damaged.',
    action: 'Run holdfast up once, or name the home folder with --home; delete the file to renew it.',
  },
};

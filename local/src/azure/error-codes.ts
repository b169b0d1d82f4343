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
};

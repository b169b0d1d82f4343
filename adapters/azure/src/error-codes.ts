import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  AZURE_VAULT_URL_INVALID: {
    family: 'config',
    meaning: 'The address of the vault is not an https URL of a host alone.',
    action: 'Write the vault address as https://<vault name>.vault.azure.net.',
  },
  AZURE_CREDENTIAL_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'No identity could get a token: no managed identity answered, or the identity was refused.',
    action: 'Attach the managed identity to the container group or pod, and check the client id if one is configured.',
  },
  AZURE_FORBIDDEN: {
    family: 'dependency',
    meaning:
      'The vault knows the identity and refuses it: no role or access policy, a network rule, a disabled secret, or a release policy that is not met.',
    action: 'Give the identity the role "Key Vault Secrets User" on the vault; a new role can take minutes to work.',
  },
  SECRET_NOT_FOUND: {
    family: 'dependency',
    meaning: 'The vault has no secret with this name.',
    action: 'Check the name of the vault and of the secret.',
  },
  AZURE_UNREACHABLE: {
    family: 'dependency',
    meaning: 'The vault did not answer in time, failed, or could not be reached.',
    action: 'Check name resolution, egress rules and the vault itself; the call may succeed when repeated.',
  },
  AZURE_ANSWER_UNUSABLE: {
    family: 'dependency',
    meaning: 'The vault answered something that is neither a secret nor a known refusal.',
    action: 'Check that the address belongs to a Key Vault; the cause names what was received.',
  },
  AZURE_KEY_NOT_FOUND: {
    family: 'dependency',
    meaning: 'The vault has no key, or no version of it, with this name.',
    action: 'Check the name of the vault and of the key.',
  },
  AZURE_KEY_REFUSED: {
    family: 'dependency',
    meaning: 'The vault does not accept a request about a key; the message is the one of the vault.',
    action: 'Correct what the message names; rules about exportable keys carry numbers (AKV.SKR).',
  },
};

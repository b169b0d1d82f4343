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
    meaning: 'Azure, or a vault, did not answer in time, failed, or could not be reached.',
    action: 'Check name resolution, egress rules and the service itself; the call may succeed when repeated.',
  },
  AZURE_ANSWER_UNUSABLE: {
    family: 'dependency',
    meaning: 'Azure, or a vault, answered something that is neither what was asked for nor a known refusal.',
    action: 'Check that the address belongs to the service, and that no proxy answers in its place.',
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
  AZURE_REFUSED: {
    family: 'dependency',
    meaning: 'Azure Resource Manager or a vault refuses a call; details.problem is what it said.',
    action: 'Correct what the message names: a right, a name, a value, or an operation that is still running.',
  },
  AZURE_OPERATION_FAILED: {
    family: 'dependency',
    meaning: 'Azure took an operation and could not finish it; details.problem is its deepest cause.',
    action: 'Correct what the message names, then run the command again.',
  },
  AZURE_TIMEOUT: {
    family: 'dependency',
    meaning: 'Azure did not answer, or an operation did not end, before the deadline. The operation goes on.',
    action: 'Run the command again; it goes on where it stopped.',
  },
  AZURE_INTERRUPTED: {
    family: 'dependency',
    meaning: 'A call to Azure was stopped by whoever made it. What Azure has begun goes on.',
    action: 'Run the command again.',
  },
  AZURE_LOCATION_MISSING: {
    family: 'request',
    meaning: 'A deployment of a whole subscription names no location.',
    action: 'Name the region in which Azure keeps the record of the deployment.',
  },
};

import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  MOUNT_PARAMETERS_INVALID: {
    family: 'request',
    meaning: 'A SecretProviderClass, or the volume of a pod, says something the provider cannot work with.',
    action: 'Correct what the message names; its words are those of the Azure provider.',
  },
  MOUNT_REQUEST_INVALID: {
    family: 'request',
    meaning: 'A volume is asked for without what the driver needs to know.',
    action: 'Look at the volume of the pod: it is an inline CSI volume with readOnly: true.',
  },
  MOUNT_FAILED: {
    family: 'dependency',
    meaning: 'A volume could not be filled; the files of an earlier time stay as they are.',
    action: 'Look at the message of the event on the pod.',
  },
  MOUNT_PATH_INVALID: {
    family: 'request',
    meaning: 'A file of a volume would not be below the volume, or its path is not in its simplest form.',
    action: 'Give relative paths without .. and empty parts.',
  },
  VAULT_OBJECT_UNUSABLE: {
    family: 'request',
    meaning: 'An object of the vault cannot be written in the way the class asks for.',
    action: 'Check type, format and encoding of the object.',
  },
  VAULT_REFUSED: {
    family: 'dependency',
    meaning: 'The vault, or who gives out tokens for it, refuses the identity of the pod.',
    action: 'Check role assignments or access policies, network rules of the vault, and the federated credential.',
  },
  VAULT_UNREACHABLE: {
    family: 'dependency',
    meaning: 'The vault, or who gives out tokens for it, did not answer or failed.',
    action: 'Wait; if it lasts, check name resolution and network rules.',
  },
  SECRET_OBJECT_INVALID: {
    family: 'request',
    meaning: 'An entry of secretObjects is incomplete, or names a file that the volume does not have.',
    action: 'objectName is the path of a mounted file: the alias, where the object has one.',
  },
  SECRETS_STORE_SETTINGS_INVALID: {
    family: 'config',
    meaning: 'Settings of the secrets store contradict each other, or name files that cannot be read.',
    action: 'Correct the settings that the message lists.',
  },
  PROVIDER_MESSAGE_MALFORMED: {
    family: 'malformed',
    meaning: 'A message on the provider socket is not Protocol Buffers as the CSI driver writes it.',
    action: 'Let only the Secrets Store CSI driver use the socket.',
  },
  PROVIDER_LISTEN_FAILED: {
    family: 'dependency',
    meaning: 'The provider socket cannot be opened.',
    action: 'Check that the folder is there, is writable, and belongs to no other provider.',
  },
};

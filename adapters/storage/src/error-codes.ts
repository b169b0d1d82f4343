import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  OBJECT_NOT_FOUND: {
    family: 'request',
    meaning: 'The store holds no object with this path.',
    action: 'Check the path and that the object was written to this bucket.',
  },
  OBJECT_PATH_INVALID: {
    family: 'request',
    meaning: 'A text that should name an object is empty, leaves the storage folder, or goes through a symbolic link.',
    action: 'Use segments joined with single slashes, without dots, backslashes, colons or links.',
  },
  LINK_INVALID: {
    family: 'verification',
    meaning: 'A download link was not made by this store, or for another object.',
    action: 'Ask the service that hands out links for a new one, and check that both use the same link signing key.',
  },
  LINK_EXPIRED: {
    family: 'verification',
    meaning: 'A download link is older than its time to live.',
    action: 'Ask the service that hands out links for a new one, and check the clocks of both machines.',
  },
  LINK_KEY_UNUSABLE: {
    family: 'config',
    meaning: 'The file with the link signing key cannot be read or does not hold at least 32 bytes in hexadecimal.',
    action: 'Write 64 or more random hexadecimal digits to the file and make it readable by the service only.',
  },
  STORAGE_FAILED: {
    family: 'dependency',
    meaning: 'The storage folder or storage account could not be read or written.',
    action:
      'Check that the folder belongs to the user of the service and its disk is not full, or that the account answers and grants access.',
  },
  STORAGE_LOCK_LOST: {
    family: 'dependency',
    meaning: 'The lease that keeps others from writing ended while this process still needed it.',
    action: 'Check that this machine reaches the storage account all the time, and do it again.',
  },
  STORAGE_SETTINGS_INVALID: {
    family: 'config',
    meaning: 'The settings name no bucket, two of them, or half of one.',
    action: 'Name exactly one bucket: storage_folder, or storage_account_url with storage_container.',
  },
};

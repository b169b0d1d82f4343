import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  OBJECT_NOT_FOUND: {
    family: 'request',
    meaning: 'The store holds no object with this path.',
    action: 'Check the path and that the object was written to this storage folder.',
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
    meaning: 'The storage folder could not be read or written.',
    action: 'Check that the folder exists, belongs to the user of the service, and that its disk is not full.',
  },
};

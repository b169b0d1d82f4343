import type { ErrorCodeTable } from '@holdfast/base';

/** Rows of the codes that administration throws; part of this workspace's table. */
export const administrationErrorCodes: ErrorCodeTable = {
  ADMIN_RECORD_UNKNOWN: {
    family: 'request',
    meaning:
      'The world of UID2 Core holds no such site, client, operator, enclave, keyset, key, key pair, service or link.',
    action: 'List the records of that kind and name one of them.',
  },
  ADMIN_RECORD_AMBIGUOUS: {
    family: 'request',
    meaning: 'Several records fit the given name.',
    action: 'Name the record by its id, as the list shows it.',
  },
  ADMIN_RECORD_EXISTS: {
    family: 'request',
    meaning: 'A record with this name or identifier exists already.',
    action: 'Choose another name, or change the existing record.',
  },
  ADMIN_VALUE_INVALID: {
    family: 'request',
    meaning: 'A value given for a record breaks a rule of the UID2 data model.',
    action: 'Give a value as the message describes it.',
  },
  ADMIN_SITE_DISABLED: {
    family: 'request',
    meaning: 'A new key was asked for a site that is disabled.',
    action: 'Enable the site first.',
  },
  ADMIN_KEYSET_RESERVED: {
    family: 'request',
    meaning: 'The master, refresh and fallback keysets cannot be changed, only their keys can be rotated.',
    action: 'Rotate the keys of the keyset instead.',
  },
  ADMIN_OPERATOR_SITE_MISSING: {
    family: 'request',
    meaning: 'Cloud encryption keys belong to sites, and an operator record names none.',
    action: 'Give the operator a site.',
  },
  WORLD_INCONSISTENT: {
    family: 'malformed',
    meaning: 'The files of a UID2 world contradict each other.',
    action: 'Correct the named records; nothing was changed.',
  },
  SALT_TARGET_DATE_PASSED: {
    family: 'request',
    meaning: 'A salt snapshot may only follow the newest one.',
    action: 'Choose a later target date.',
  },
  SALT_ROTATION_NOTHING_DUE: {
    family: 'request',
    meaning: 'No salt may rotate on the target date: none is refreshable and old enough, or the fraction is too small.',
    action: 'Look at the plan of a dry run; choose another target date or a larger fraction.',
  },
};

import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  CERTIFICATE_FILES_UNUSABLE: {
    family: 'config',
    meaning: 'The certificate files of the webhook cannot be read or do not belong together.',
    action: 'Give a PEM chain and the PEM key that belongs to it.',
  },
  CERTIFICATE_CONTENDED: {
    family: 'dependency',
    meaning: 'The secret with the webhook’s certificate was changed by somebody else each time it was to be written.',
    action: 'Look who else writes this secret.',
  },
};

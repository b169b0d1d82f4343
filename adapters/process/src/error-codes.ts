import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  CONFIG_INVALID: {
    family: 'config',
    meaning: 'One or more settings are missing or wrong; the message lists all of them with their paths.',
    action: 'Correct the named settings in the configuration file or the environment.',
  },
  CONFIG_UNREADABLE: {
    family: 'config',
    meaning: 'The configuration file does not exist, cannot be read, or is not a JSON object.',
    action: 'Check the path given with --config and the content of the file.',
  },
};

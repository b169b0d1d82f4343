import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  USAGE: {
    family: 'request',
    meaning: 'The command line names a command, option or argument that does not exist, or lacks one.',
    action: 'Run holdfast --help, or the command with --help.',
  },
  INPUT_MISSING: {
    family: 'request',
    meaning: 'The command needs an input that was given neither as an argument nor on standard input.',
    action: 'Give it as an argument, or pipe it into standard input.',
  },
  INPUT_TOO_LARGE: {
    family: 'request',
    meaning: 'Standard input is longer than a command reads.',
    action: 'Split the input.',
  },
  UID2_CONNECTION_INCOMPLETE: {
    family: 'request',
    meaning: 'Only one of UID2_API_KEY and UID2_CLIENT_SECRET is set.',
    action: 'Set both, or neither to use the local cloud.',
  },
  UID2_ADDRESS_INVALID: {
    family: 'request',
    meaning: "The operator's address is not an http or https URL.",
    action: 'Give the operator as in http://127.0.0.1:8080.',
  },
};

import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  LISTEN_FAILED: {
    family: 'dependency',
    meaning: 'A port could not be opened, most often because another program uses it.',
    action: 'Stop the program that uses the port, or choose another port.',
  },
  HEADER_VALUE_INVALID: {
    family: 'internal',
    meaning:
      'A reply was to have a header whose value holds line breaks, other control characters or letters outside Latin-1.',
    action: 'Report this as a defect of Holdfast, with the request that led to it.',
  },
  SCHEMA_UNSUPPORTED: {
    family: 'internal',
    meaning: 'A route was added with a JSON schema; routes check their input themselves.',
    action: 'Report this as a defect of Holdfast.',
  },
  HTTP_UNREACHABLE: {
    family: 'dependency',
    meaning: 'A server could not be reached or broke the connection before its answer was complete.',
    action: 'Check that the server runs, the address is right, and its certificate is trusted.',
  },
  HTTP_TIMEOUT: {
    family: 'dependency',
    meaning: 'A server did not answer completely within the deadline.',
    action: 'Check the load and the network of the named server; the call is repeated where that is safe.',
  },
  HTTP_ANSWER_TOO_LARGE: {
    family: 'dependency',
    meaning: 'A server sent more bytes than any valid answer has.',
    action: 'Check that the configured address belongs to the expected service.',
  },
};

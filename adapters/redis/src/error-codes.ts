import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  REDIS_UNREACHABLE: {
    family: 'dependency',
    meaning: 'Redis cannot be reached, or did not answer in time.',
    action:
      'Check host, port and TLS; Azure Cache for Redis takes TLS on 6380, and 6379 only when its port without TLS is enabled.',
  },
  REDIS_ACCESS_DENIED: {
    family: 'dependency',
    meaning: 'Redis refuses the password, or wants one.',
    action: 'Compare the password with the access key of the cache; a key that was regenerated ends the one before.',
  },
  REDIS_COMMAND_FAILED: {
    family: 'dependency',
    meaning: 'Redis refused a command.',
    action: 'Read what Redis says; a value that is no number cannot be counted up.',
  },
};

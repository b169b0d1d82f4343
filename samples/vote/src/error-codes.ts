import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  VOTE_MISSING: {
    family: 'request',
    meaning: 'A vote was sent without the form field vote.',
    action: 'Vote with the buttons of the page.',
  },
  VOTE_UNKNOWN: {
    family: 'request',
    meaning: 'A vote is for something that cannot be chosen.',
    action: 'Vote with the buttons of the page.',
  },
  VOTE_COUNTER_MISSING: {
    family: 'request',
    meaning:
      'A counter has disappeared from Redis; compatible mode takes that for a failure, as the published sample does.',
    action: 'Set the counters to 0, or switch compatible mode off.',
  },
};

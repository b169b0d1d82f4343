import type { ErrorCodeTable } from '@holdfast/base';

export const regexErrorCodes: ErrorCodeTable = {
  REGEX_BUDGET_EXCEEDED: {
    family: 'unsupported',
    meaning: 'Matching the patterns of a policy would take more work than this evaluator allows for one decision.',
    action: 'Simplify the named pattern (nested counted repetitions, very long alternations) or shorten the values.',
  },
};

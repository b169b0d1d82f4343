import type { ErrorCodeTable } from '@holdfast/base';

export const regoErrorCodes: ErrorCodeTable = {
  REGO_SYNTAX_INVALID: {
    family: 'malformed',
    meaning:
      'A Rego module cannot be parsed, or a rule in it can never be evaluated (unsafe variable, double assignment).',
    action: 'Look at the named line and column; `opa check` reports the same place.',
  },
  REGO_FUNCTION_UNKNOWN: {
    family: 'malformed',
    meaning:
      'A Rego module calls a function that is neither one of its own, a supported built-in, nor a host function.',
    action: 'Check the name; the supported built-ins are listed in the README of the policy package.',
  },
  REGO_CONFLICT: {
    family: 'malformed',
    meaning: 'A complete rule, function or object key got two different values for the same input.',
    action: 'Make the named rules exclude each other, or join them with `else`.',
  },
  REGO_RECURSION: {
    family: 'malformed',
    meaning: 'A rule depends on its own value.',
    action: 'Break the cycle: Rego has no recursion.',
  },
  REGO_FEATURE_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'A Rego module uses a feature of the language that this interpreter does not have.',
    action: 'Rewrite the named place with the constructs that the README of the policy package lists.',
  },
  REGO_LIMIT_EXCEEDED: {
    family: 'unsupported',
    meaning: 'Parsing or evaluating a policy would take more work, memory or nesting than one decision is allowed.',
    action: 'Simplify the policy or shorten the input; a limit can be raised where the engine is created.',
  },
  REGO_HOST_FUNCTION_FAILED: {
    family: 'internal',
    meaning: 'A function that the host of a policy provides threw an error.',
    action: 'Read the cause; the policy itself is not at fault.',
  },
};

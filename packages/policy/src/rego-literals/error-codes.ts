import type { ErrorCodeTable } from '@holdfast/base';

export const regoLiteralsErrorCodes: ErrorCodeTable = {
  REGO_MALFORMED: {
    family: 'malformed',
    meaning: 'A policy or fragment text is not a Rego document: bad string, unbalanced brackets, missing package line.',
    action: 'Look at the named line; generate the policy again rather than repairing it by hand.',
  },
  REGO_TOO_LARGE: {
    family: 'malformed',
    meaning: 'A policy or fragment text exceeds a limit on size, nesting depth or number of statements.',
    action: 'Check that the input is a policy. Raise the named limit only when the policy is yours.',
  },
  REGO_CUSTOM_RULE: {
    family: 'unsupported',
    meaning: 'The policy has rules with bodies, functions or expressions, which only a full Rego evaluator can judge.',
    action: 'Evaluate the policy with Open Policy Agent, or replace the named rules by the bindings a generator emits.',
  },
};

import type { ErrorCodeTable } from '@holdfast/base';

export const cceErrorCodes: ErrorCodeTable = {
  CCE_INPUT_INVALID: {
    family: 'malformed',
    meaning:
      'A template, manifest or configuration from which a CCE policy should be made lacks a value or holds one of a wrong kind.',
    action: 'Correct the named member.',
  },
  CCE_OPTION_INVALID: {
    family: 'request',
    meaning: 'An option of policy generation has a value that the generator does not accept.',
    action: 'Correct the named option.',
  },
  CCE_ARM_UNRESOLVED: {
    family: 'unsupported',
    meaning:
      'A value of an ARM template that belongs in the policy is an expression other than a parameter or variable.',
    action: 'Give the value by a parameter, or deploy a template in which the expression is already evaluated.',
  },
  CCE_WILDCARD_NEEDED: {
    family: 'request',
    meaning: 'The value of a variable is not known and only a rule that allows any value would admit it.',
    action: 'Supply the Secret, ConfigMap or parameter, or approve wildcards.',
  },
  CCE_LAYERS_INVALID: {
    family: 'malformed',
    meaning: 'The facts of an image lack layers or their root hashes, so no policy can be made for it.',
    action: 'Have the layers of the image hashed again.',
  },
  CCE_PLATFORM_UNSUPPORTED: {
    family: 'unsupported',
    meaning:
      'A container is for an operating system or architecture on which confidential container groups do not run.',
    action: 'Use an image for linux/amd64 and a Linux container group.',
  },
  CCE_POLICY_INVALID: {
    family: 'malformed',
    meaning: 'A CCE policy cannot be decoded or lacks the structure of a policy.',
    action: 'Take the policy from the ARM field or the annotation again, without line breaks.',
  },
  CCE_NAMESPACE_INVALID: {
    family: 'request',
    meaning: 'The namespace of a fragment is not a Rego name or is reserved.',
    action: 'Choose another name of letters, digits and underscores.',
  },
  CCE_POLICY_EXISTS: {
    family: 'request',
    meaning: 'The document already carries a policy and overwriting it was not asked for.',
    action: 'Ask for overwriting when the old policy is not needed any more.',
  },
  CCE_FRAGMENT_INVALID: {
    family: 'malformed',
    meaning: 'A signed fragment is not a COSE_Sign1 envelope with issuer, feed and a text.',
    action: 'Fetch the fragment again and check its artifact type.',
  },
  CCE_FRAGMENT_ALGORITHM: {
    family: 'unsupported',
    meaning: 'A fragment is signed by an algorithm that this release does not verify.',
    action: 'Have the fragment signed by ES384, PS256, PS384 or PS512.',
  },
  CCE_FRAGMENT_UNTRUSTED: {
    family: 'verification',
    meaning: 'The signature of a fragment does not hold, or its issuer is not that of its certificate chain.',
    action: 'Do not import the fragment; ask its issuer.',
  },
};

import type { ErrorCodeTable } from '@holdfast/base';

export const kataErrorCodes: ErrorCodeTable = {
  KATA_SETTINGS_INVALID: {
    family: 'malformed',
    meaning: 'The genpolicy settings are not JSON or do not fit the chosen profile.',
    action: 'Pass the genpolicy-settings.json that belongs to the rules file.',
  },
  KATA_PATCH_INVALID: {
    family: 'malformed',
    meaning: 'A JSON Patch is malformed or does not apply.',
    action: 'Correct the operation that the details number.',
  },
  KATA_MANIFEST_INVALID: {
    family: 'malformed',
    meaning: 'A field of a manifest is missing or has the wrong type.',
    action: 'Correct the field that the message names.',
  },
  KATA_FIELD_UNKNOWN: {
    family: 'unsupported',
    meaning:
      'A manifest has a field that the policy generator does not know; the field may change what the node asks for.',
    action: 'Remove the field, or tolerate unknown fields after checking that they change no request.',
  },
  KATA_KIND_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'The manifest holds a kind of resource that the policy generator does not know.',
    action: 'Keep this resource in another file.',
  },
  KATA_MANIFEST_UNSUPPORTED: {
    family: 'unsupported',
    meaning:
      'The manifest uses a feature for which no policy can be written: subPath, a volume type, a variable source.',
    action: 'Change the manifest so that it does without the feature.',
  },
  KATA_REFERENCE_MISSING: {
    family: 'request',
    meaning: 'A variable or volume refers to a ConfigMap, Secret or key that was not given.',
    action: 'Pass the ConfigMap or Secret in the same stream or as an extra file.',
  },
  KATA_IMAGE_FACTS_MISSING: {
    family: 'request',
    meaning: 'Nothing is known about an image of the manifest, or a layer of it has no tarfs root hash or no name.',
    action: 'Supply the image facts, or let the tool read the image from its registry.',
  },
  KATA_IMAGE_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'The image cannot run under this profile: a layer that is not gzip, or a user that cannot be resolved.',
    action: 'Rebuild the image, or state the user and group in the manifest.',
  },
  KATA_POLICY_MALFORMED: {
    family: 'malformed',
    meaning: 'The text is not a Kata policy: no policy_data, or policy_data that is not what the rules expect.',
    action: 'Pass the decoded annotation, or the policy as it was printed.',
  },
  KATA_RULES_UNKNOWN: {
    family: 'unsupported',
    meaning: 'The rules part of the policy is none that this release can evaluate.',
    action: 'Use rules of a supported release, or evaluate the policy with a Rego engine.',
  },
  KATA_REQUEST_MALFORMED: {
    family: 'malformed',
    meaning: 'A recorded request is not one: no request name, no input, or a base or patch that does not apply.',
    action: 'Correct the recording.',
  },
};

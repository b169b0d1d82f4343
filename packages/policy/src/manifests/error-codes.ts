import type { ErrorCodeTable } from '@holdfast/base';

export const manifestsErrorCodes: ErrorCodeTable = {
  MANIFEST_TOO_LARGE: {
    family: 'malformed',
    meaning: 'A manifest or template holds more bytes, documents or values than a reader accepts.',
    action: 'Split the file, or check that it is the file you meant.',
  },
  MANIFEST_TOO_DEEP: {
    family: 'malformed',
    meaning: 'Values of a manifest or template are nested deeper than a reader accepts.',
    action: 'Check the file: no Kubernetes object or ARM template is nested that deep.',
  },
  MANIFEST_ENCODING_INVALID: {
    family: 'malformed',
    meaning: 'A manifest or template is not well-formed UTF-8.',
    action: 'Save the file as UTF-8.',
  },
  MANIFEST_YAML_INVALID: {
    family: 'malformed',
    meaning: 'A text is not valid YAML, or uses a tag, alias or merge that Kubernetes does not accept.',
    action: 'Correct the named line; render templates (for example with helm template) before feeding them in.',
  },
  MANIFEST_JSON_INVALID: {
    family: 'malformed',
    meaning: 'A text is not valid JSON.',
    action: 'Correct the named line.',
  },
  MANIFEST_KEY_DUPLICATE: {
    family: 'malformed',
    meaning: 'A mapping of a manifest or template holds the same key twice, so its meaning depends on the reader.',
    action: 'Remove one of the two keys at the named line.',
  },
  MANIFEST_POD_INVALID: {
    family: 'malformed',
    meaning: 'A workload has no pod template with containers where its kind requires one.',
    action: 'Check kind and indentation of the named document.',
  },
  MANIFEST_CONFIG_INVALID: {
    family: 'malformed',
    meaning: 'A ConfigMap or Secret holds a value that is not text, or not Base64 where Base64 is required.',
    action: 'Correct the named key.',
  },
  MANIFEST_EDIT_UNSUPPORTED: {
    family: 'unsupported',
    meaning:
      'A value cannot be set without rewriting other parts of the document, for example because it is shared by an alias.',
    action: 'Write the mapping out in place, without anchors and aliases, and try again.',
  },
  MANIFEST_EDIT_BROKEN: {
    family: 'internal',
    meaning: 'An edit of a document was asked for that cannot exist: a defect of this product.',
    action: 'Report it, with the document if it may be shown.',
  },
};

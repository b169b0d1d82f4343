import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  BUNDLE_MANIFEST_INVALID: {
    family: 'malformed',
    meaning: 'The manifest of an operator release cannot be read, or uses anchors, or there are several.',
    action: 'Use the bundle as UID2 sent it.',
  },
  BUNDLE_ZIP_INVALID: {
    family: 'malformed',
    meaning: 'The archive of an operator release is damaged, too large, encrypted, or holds paths that lead outside.',
    action: 'Get the bundle again from your UID2 contact.',
  },
  BUNDLE_REFUSED: {
    family: 'policy',
    meaning: 'An operator release is not what was published, or not of the known shape.',
    action: 'Look at the OB checks of holdfast doctor, and use the bundle as UID2 sent it.',
  },
  DEPLOYMENT_GRAPH_BROKEN: {
    family: 'internal',
    meaning: 'The resources of a deployment refer to each other in a way that cannot be carried out.',
    action: 'This is a defect of holdfast: report it with the configuration.',
  },
  OPERATOR_MANIFEST_CHANGED: {
    family: 'internal',
    meaning: 'The generated operator manifest differs from the release in a field that the policy measures.',
    action: 'This is a defect of holdfast: report it with the version of the release.',
  },
};

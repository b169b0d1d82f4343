import type { ErrorCodeTable } from '@holdfast/base';

export const imagesErrorCodes: ErrorCodeTable = {
  IMAGE_REFERENCE_INVALID: {
    family: 'malformed',
    meaning: 'A text is no image reference of the form [host[:port]/]path[:tag][@sha256:…].',
    action: 'Correct the image reference; repository names are lower case.',
  },
  IMAGE_DIGEST_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'An image or one of its parts is named by a digest of another algorithm than SHA-256.',
    action: 'Refer to the image by its sha256 digest.',
  },
  IMAGE_FACTS_MALFORMED: {
    family: 'malformed',
    meaning: 'A file with recorded image facts does not have the expected shape.',
    action: 'Record the facts again from the image.',
  },
  IMAGE_FACTS_UNKNOWN: {
    family: 'request',
    meaning: 'The recorded image facts hold nothing about an image that is needed.',
    action: 'Record the facts of the named image, or let it be read from its registry.',
  },
  IMAGE_MANIFEST_MALFORMED: {
    family: 'malformed',
    meaning: 'An image manifest or index is not what the OCI image specification or Docker schema 2 define.',
    action: 'Build and push the image again.',
  },
  IMAGE_MANIFEST_UNSUPPORTED: {
    family: 'unsupported',
    meaning:
      'A manifest is of a kind that no confidential container can start from: Docker schema 1, a Helm chart, encrypted layers.',
    action: 'Push the image again with a current tool, as an OCI or Docker schema 2 image.',
  },
  IMAGE_PLATFORM_UNAVAILABLE: {
    family: 'unsupported',
    meaning: 'The image does not exist for the platform that the policy is for.',
    action: 'Build the image for linux/amd64, the platform of confidential container groups.',
  },
  IMAGE_CONFIG_MALFORMED: {
    family: 'malformed',
    meaning:
      'The configuration of an image is not the JSON that the OCI image specification defines, or does not fit its layers.',
    action: 'Build the image again.',
  },
};

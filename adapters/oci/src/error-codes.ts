import type { ErrorCodeTable } from '@holdfast/base';

import { layerHashingErrorCodes } from './layer-hashing/error-codes.ts';

export const errorCodes: ErrorCodeTable = {
  ...layerHashingErrorCodes,
  REGISTRY_UNREACHABLE: {
    family: 'dependency',
    meaning: 'A registry could not be reached, or broke the connection more often than the retries allow.',
    action: 'Check the registry name and the network, then repeat.',
  },
  REGISTRY_TIMEOUT: {
    family: 'dependency',
    meaning: 'A registry did not answer, or sent data too slowly, within the time allowed.',
    action: 'Repeat, or raise the registry timeouts.',
  },
  REGISTRY_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'A registry answered that it cannot serve now: too many requests, or a failure of its own.',
    action: 'Wait and repeat. Docker Hub limits anonymous downloads: log in to raise the limit.',
  },
  REGISTRY_ANSWER_INVALID: {
    family: 'dependency',
    meaning:
      'A registry answered something that the distribution protocol does not allow, or more than the size limits allow.',
    action: 'Check that the name belongs to a container registry.',
  },
  REGISTRY_UNAUTHORIZED: {
    family: 'request',
    meaning:
      'A registry did not accept the credentials, or wants some and none are known. Some registries answer so for images that do not exist.',
    action: 'Check the image name, or log in with docker login.',
  },
  REGISTRY_FORBIDDEN: {
    family: 'request',
    meaning: 'A registry knows the caller, who may not do this with this repository.',
    action: 'Ask the owner of the repository for access.',
  },
  REGISTRY_MANIFEST_UNKNOWN: {
    family: 'request',
    meaning: 'The registry has no image with this name, tag or digest.',
    action: 'Check the spelling of the image reference, and whether the image was deleted.',
  },
  REGISTRY_BLOB_UNKNOWN: {
    family: 'request',
    meaning: 'A registry has the manifest of an image but not one of its layers.',
    action: 'Push the image again.',
  },
  REGISTRY_REFUSED: {
    family: 'request',
    meaning: 'A registry refused a request for another reason, which the message names.',
    action: 'Act on what the registry says.',
  },
  REGISTRY_REDIRECT_REFUSED: {
    family: 'verification',
    meaning: 'A registry sent the caller to an address that must not be followed: without TLS, or in a circle.',
    action: 'Check the configuration of the registry. List it as a plain HTTP registry only on a trusted network.',
  },
  REGISTRY_CREDENTIALS_INVALID: {
    family: 'config',
    meaning: 'The Docker configuration cannot be read, or a credential helper failed.',
    action: 'Correct the named file, or log in again with docker login.',
  },
  IMAGE_DIGEST_MISMATCH: {
    family: 'verification',
    meaning:
      'The bytes of a manifest, configuration or layer are not those that its digest names: damaged or changed on the way.',
    action: 'Repeat. If it happens again, do not use this image: find out who changed it.',
  },
  IMAGE_SIZE_MISMATCH: {
    family: 'verification',
    meaning: 'A blob is shorter or longer than its descriptor says.',
    action: 'Repeat. If it happens again, push the image again.',
  },
  LAYER_COMPRESSION_INVALID: {
    family: 'malformed',
    meaning: 'The blob of a layer is not the gzip or zstd stream that its media type promises.',
    action: 'Build and push the image again.',
  },
  LAYER_TOO_LARGE: {
    family: 'malformed',
    meaning: 'A layer, or one of its account files, has more bytes than the limit allows.',
    action: 'Raise the limit if the image really is that large.',
  },
  LAYOUT_NOT_FOUND: {
    family: 'request',
    meaning: 'A folder or archive with images does not exist or cannot be read.',
    action: 'Check the path.',
  },
  LAYOUT_MALFORMED: {
    family: 'malformed',
    meaning:
      'A folder or archive is neither an OCI image layout nor what docker save writes, or part of it is missing.',
    action: 'Write the archive again, uncompressed, with docker save or an OCI tool.',
  },
  LAYOUT_IMAGE_UNKNOWN: {
    family: 'request',
    meaning: 'A folder or archive does not hold the image that was asked for.',
    action: 'Ask for one of the images that the message lists.',
  },
  TARBALL_MAP_INVALID: {
    family: 'request',
    meaning: 'A map from image references to archives is not usable, or is used for an image named by digest.',
    action: 'Write it as a JSON object from references to paths; refer to images in archives by tag.',
  },
  LAYOUT_SOURCE_INVALID: {
    family: 'request',
    meaning: 'What should go into a new image is contradictory, missing, or changed while it was read.',
    action: 'Correct the named entry.',
  },
};

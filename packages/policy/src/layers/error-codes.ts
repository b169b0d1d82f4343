import type { ErrorCodeTable } from '@holdfast/base';

export const layersErrorCodes: ErrorCodeTable = {
  LAYER_TAR_MALFORMED: {
    family: 'malformed',
    meaning: 'A layer is not a tar archive, or one of its headers is damaged.',
    action: 'Check that the layer is the uncompressed tar archive, or pull the image again.',
  },
  LAYER_TAR_TRUNCATED: {
    family: 'malformed',
    meaning: 'A layer ends in the middle of a header or of the content of a file.',
    action: 'Pull the image again: the archive was cut.',
  },
  LAYER_LIMIT_EXCEEDED: {
    family: 'malformed',
    meaning: 'A layer exceeds a limit that protects this program or that the image format has.',
    action: 'Look at the named limit; split the layer, or raise the limit if the layer is trusted.',
  },
  LAYER_NAME_INVALID: {
    family: 'malformed',
    meaning: 'The name of an entry of a layer cannot be stored: a component has more than 255 bytes.',
    action: 'Rename the file in the image.',
  },
  LAYER_ENTRY_CONFLICT: {
    family: 'malformed',
    meaning: 'An entry of a layer contradicts an earlier one: the platform refuses this layer too.',
    action: 'Build the image so that each layer carries each file once.',
  },
};

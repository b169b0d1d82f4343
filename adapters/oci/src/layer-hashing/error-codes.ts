import type { ErrorCodeTable } from '@holdfast/base';

export const layerHashingErrorCodes: ErrorCodeTable = {
  LAYER_WORKER_FAILED: {
    family: 'internal',
    meaning: 'A thread that hashes layers ended, or failed, before its work was done.',
    action: 'Repeat; if it happens again, report it with the log. Most often the machine ran out of memory.',
  },
  LAYER_CACHE_KEY_INVALID: {
    family: 'request',
    meaning: 'A layer was named by something other than sha256: and 64 lowercase hex digits.',
    action: 'Name the layer by its diff_id, as the configuration of the image does.',
  },
};

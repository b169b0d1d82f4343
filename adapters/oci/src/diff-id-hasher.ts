import { createHash } from 'node:crypto';

import { digestMismatch } from './digest.ts';
import type { LayerHasher } from './layer-hasher.ts';

/** Checks the diff id of layers and computes no root hashes: for facts that a policy without root hashes needs. */
export const diffIdHasher: LayerHasher = {
  hash: async (chunks, _formats, { diffId }) => {
    const hash = createHash('sha256');
    for await (const chunk of chunks) hash.update(chunk);
    const actual = `sha256:${hash.digest('hex')}`;
    if (actual !== diffId) throw digestMismatch('the tar of a layer', diffId, actual);
    return { diffId };
  },
};

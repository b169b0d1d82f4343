import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { RequestError } from '@holdfast/base';
import { LAYER_HASHER_VERSION } from '@holdfast/policy/layers';
import { writeFileAtomic } from '@holdfast/process';

import type { LayerFormat } from '../layer-hasher.ts';

/** Root hashes that are known already, by diff_id, format and version of the hasher. */
export interface LayerHashCache {
  /** 64 lowercase hex characters. */
  get(diffId: string, format: LayerFormat): Promise<string | undefined>;
  put(diffId: string, format: LayerFormat, rootHash: string): Promise<void>;
}

const DIFF_ID = /^sha256:([0-9a-f]{64})$/;
const ROOT_HASH = /^[0-9a-f]{64}$/;

/**
 * Keeps root hashes as one small file each below `folder`, which is created when it is first needed. Any number of processes
 * may share the folder: files appear whole or not at all, and all that could write one write the same. A file that does not
 * hold a root hash counts as missing and is written again.
 */
export function createLayerHashCache(folder: string): LayerHashCache {
  return {
    async get(diffId, format) {
      let text: string;
      try {
        text = await readFile(pathOf(folder, diffId, format), 'utf8');
      } catch (cause) {
        if (isMissing(cause)) return undefined;
        throw cause;
      }
      const rootHash = text.trimEnd();
      return ROOT_HASH.test(rootHash) ? rootHash : undefined;
    },
    async put(diffId, format, rootHash) {
      if (!ROOT_HASH.test(rootHash)) throw invalidKey(`${JSON.stringify(rootHash)} is not a root hash`);
      const path = pathOf(folder, diffId, format);
      await mkdir(dirname(path), { recursive: true });
      await writeFileAtomic(path, `${rootHash}\n`);
    },
  };
}

/** @throws RequestError LAYER_CACHE_KEY_INVALID */
function pathOf(folder: string, diffId: string, format: LayerFormat): string {
  const digest = DIFF_ID.exec(diffId)?.[1];
  if (digest === undefined) throw invalidKey(`${JSON.stringify(diffId.slice(0, 100))} is not a diff_id`);
  return join(folder, LAYER_HASHER_VERSION, format, digest);
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

function invalidKey(problem: string): RequestError {
  return new RequestError('LAYER_CACHE_KEY_INVALID', problem, {
    action: 'Name the layer by its diff_id, as the configuration of the image does.',
  });
}

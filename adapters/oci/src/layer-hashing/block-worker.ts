import { parentPort } from 'node:worker_threads';

import { hashBlocksHere } from '@holdfast/policy/layers';

/** A batch in shared memory: the salted blocks, and where their digests go. */
export interface BlockJob {
  readonly id: number;
  readonly blocks: Uint8Array;
  readonly digests: Uint8Array;
}

/** The digests are in their place. */
export interface BlockJobDone {
  readonly id: number;
}

parentPort?.on('message', ({ id, blocks, digests }: BlockJob) => {
  hashBlocksHere(blocks, digests);
  parentPort?.postMessage({ id } satisfies BlockJobDone, []);
});

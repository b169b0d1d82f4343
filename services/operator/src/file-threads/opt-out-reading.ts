import { errorMessage, InternalError } from '@holdfast/base';
import { OPTOUT_RECORD_LENGTH, takeOverOptOutFile } from '@holdfast/uid2';
import type { OptOutSegment } from '@holdfast/uid2';

import { startThread } from '../threads/start-thread.ts';

/** What a thread that reads an opt-out file is started with. */
export interface OptOutThreadData {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
}

/** Fewer records are put in order here sooner than a thread starts. */
const MANY_RECORDS = 100_000;

/**
 * An opt-out file ready for lookups, in the memory in which it lies, which is taken over; a long one is put in order on a thread of
 * its own, so that this one is free for something else.
 * @throws MalformedError OPTOUT_FILE_MALFORMED when the length is not a whole number of records
 * @throws InternalError FILE_THREAD_LOST when the thread ended before it was done
 */
export async function readOptOutFile(
  bytes: Uint8Array<SharedArrayBuffer>,
  program: URL = PROGRAM,
): Promise<OptOutSegment> {
  const isWhole = bytes.length % OPTOUT_RECORD_LENGTH === 0;
  if (!isWhole || bytes.length < MANY_RECORDS * OPTOUT_RECORD_LENGTH) return takeOverOptOutFile(bytes);
  return new Promise((resolve, reject) => {
    startThread<OptOutThreadData, OptOutSegment>({
      program,
      name: 'optout-reading',
      data: { bytes },
      onMessage: resolve,
      onExit: (cause) =>
        reject(
          new InternalError('FILE_THREAD_LOST', `the thread that read opt-outs ended: ${errorMessage(cause)}`, {
            cause,
          }),
        ),
    });
  });
}

const PROGRAM = new URL('read-opt-outs.ts', import.meta.url);

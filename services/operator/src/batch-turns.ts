import { setImmediate as nextTurn } from 'node:timers/promises';

/** Identities mapped before the event loop gets a turn: a few milliseconds of hashing. */
const SLICE = 256;

/**
 * Runs large batches one after the other, each in slices between which the event loop serves everybody else. So a health
 * probe waits for one slice at most, however many batches are under way, and a batch once begun is soon finished.
 */
export class BatchTurns {
  #last: Promise<void> = Promise.resolve();

  /**
   * Calls `step` for 0 to `count` - 1 in order. Counts of one slice or less run at once.
   * Rejects with what `step` throws; later batches are not affected.
   */
  async run(count: number, step: (index: number) => void): Promise<void> {
    if (count <= SLICE) {
      for (let index = 0; index < count; index += 1) step(index);
      return;
    }
    const before = this.#last;
    const turn = Promise.withResolvers<void>();
    this.#last = turn.promise;
    await before;
    try {
      for (let index = 0; index < count;) {
        const end = Math.min(count, index + SLICE);
        for (; index < end; index += 1) step(index);
        await nextTurn();
      }
    } finally {
      turn.resolve();
    }
  }
}

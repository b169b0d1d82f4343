import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Slices } from './identity-map/map-answer.ts';

/** Steps before the event loop gets a turn: a few milliseconds at most. */
const SLICE = 256;

/**
 * Runs large batches one after the other, each in slices between which the event loop serves everybody else. So a health
 * probe waits for one slice at most, however many batches are under way, and a batch once begun is soon finished.
 */
export class BatchTurns {
  #last: Promise<void> = Promise.resolve();

  /**
   * Calls `step` for 0 to `count` - 1 in order. Rejects with what `step` throws; later batches are not affected.
   */
  async run(count: number, step: (index: number) => void): Promise<void> {
    await this.runSlices(slicesOf(count, step));
  }

  /** Runs work that pauses after every slice; answers its result. The first slice runs at once, the others in their turn. */
  async runSlices<T>(slices: Slices<T>): Promise<T> {
    let step = slices.next();
    if (step.done === true) return step.value;
    const before = this.#last;
    const turn = Promise.withResolvers<void>();
    this.#last = turn.promise;
    await before;
    try {
      while (step.done !== true) {
        await nextTurn();
        step = slices.next();
      }
      return step.value;
    } finally {
      turn.resolve();
    }
  }
}

function* slicesOf(count: number, step: (index: number) => void): Slices<undefined> {
  for (let index = 0; index < count; index += 1) {
    if (index > 0 && index % SLICE === 0) yield;
    step(index);
  }
}

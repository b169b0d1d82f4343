import { performance } from 'node:perf_hooks';

/** So often at most a thread sends a connection away, milliseconds. */
const INTERVAL_MS = 50;

/** Of every so many connections a thread may have one more than its share. */
const TOLERANCE = 16;

/**
 * How many connections each thread has of those that share a port. The kernel spreads new connections by chance, and clients keep theirs, so
 * that one thread of two may have all four connections of a gateway while the other is idle. A thread with more than its share asks one
 * of them now and then to come again.
 */
export class ConnectionBalance {
  readonly #counts: Int32Array;
  readonly #thread: number;
  readonly #clock: () => number;
  #movedAtMs = -Infinity;

  /**
   * @param counts For each thread how many connections it has; in memory that all share, zeros at first.
   * @param thread Which of them is this one.
   * @param clock Milliseconds from any beginning.
   */
  constructor(counts: Int32Array, thread: number, clock: () => number = () => performance.now()) {
    this.#counts = counts;
    this.#thread = thread;
    this.#clock = clock;
  }

  opened(): void {
    Atomics.add(this.#counts, this.#thread, 1);
  }

  closed(): void {
    Atomics.sub(this.#counts, this.#thread, 1);
  }

  /** Whether the connection that is asked about should be closed after its reply, for its client to open another one. */
  shouldMove(): boolean {
    const counts = this.#counts;
    let all = 0;
    for (let thread = 0; thread < counts.length; thread += 1) all += Atomics.load(counts, thread);
    const share = Math.ceil(all / counts.length);
    if (Atomics.load(counts, this.#thread) <= share + Math.floor(share / TOLERANCE)) return false;
    const now = this.#clock();
    if (now - this.#movedAtMs < INTERVAL_MS) return false;
    this.#movedAtMs = now;
    return true;
  }
}

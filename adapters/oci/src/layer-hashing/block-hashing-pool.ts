import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

import { errorMessage, InternalError } from '@holdfast/base';
import type { HashBlocks } from '@holdfast/policy/layers';

import type { BlockJob, BlockJobDone } from './block-worker.ts';

/** Threads that hash blocks of layers while the main thread reads them. */
export interface BlockHashingPool {
  /** For `hashLayer`; several layers may share it. Rejects with InternalError LAYER_WORKER_FAILED. */
  readonly hashBlocks: HashBlocks;
  /** Ends the threads; work that is not done fails. Safe to call again. */
  close(): Promise<void>;
}

interface Waiting {
  readonly worker: Worker;
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

/** Batches are handed over whole, so a queue never holds more than `hashLayer` allows to wait for each of its images. */
export interface BlockHashingPoolOptions {
  /** By default one less than the cores there are, since the main thread hashes whole archives; at least one. */
  readonly threads?: number;
}

/**
 * Starts threads that hash blocks in shared memory: nothing is copied between threads. The threads keep no process alive once
 * they have nothing to do.
 */
export function createBlockHashingPool(options: BlockHashingPoolOptions = {}): BlockHashingPool {
  return new ThreadPool(options.threads ?? Math.max(1, availableParallelism() - 1));
}

class ThreadPool implements BlockHashingPool {
  readonly #program = new URL('./block-worker.ts', import.meta.url);
  readonly #workers = new Map<Worker, number>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #threads: number;
  #nextId = 0;
  #isClosed = false;

  constructor(threads: number) {
    this.#threads = threads;
  }

  readonly hashBlocks = (blocks: Uint8Array, digests: Uint8Array): Promise<void> => {
    if (this.#isClosed) return Promise.reject(workerFailed('the pool is closed'));
    const worker = this.#idlest();
    const id = this.#nextId;
    this.#nextId += 1;
    this.#workers.set(worker, (this.#workers.get(worker) ?? 0) + 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { worker, resolve, reject });
      worker.ref();
      worker.postMessage({ id, blocks, digests } satisfies BlockJob, []);
    });
  };

  async close(): Promise<void> {
    this.#isClosed = true;
    const workers = [...this.#workers.keys()];
    for (const worker of workers) this.#fail(worker, workerFailed('the pool was closed'));
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  /** The thread with the fewest batches; a new one while there may be more and none is free. */
  #idlest(): Worker {
    let best: Worker | undefined;
    for (const [worker, load] of this.#workers) {
      if (best === undefined || load < (this.#workers.get(best) ?? 0)) best = worker;
    }
    const isBusy = best === undefined || (this.#workers.get(best) ?? 0) > 0;
    if (best === undefined || (isBusy && this.#workers.size < this.#threads)) return this.#start();
    return best;
  }

  #start(): Worker {
    const worker = new Worker(this.#program, { name: 'layer-hashing' });
    this.#workers.set(worker, 0);
    worker.on('message', ({ id }: BlockJobDone) => this.#done(id, worker));
    worker.on('error', (cause) => this.#fail(worker, workerFailed(errorMessage(cause), cause)));
    worker.on('exit', (code) => this.#fail(worker, workerFailed(`it ended with exit code ${code}`)));
    return worker;
  }

  #done(id: number, worker: Worker): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    const left = (this.#workers.get(worker) ?? 1) - 1;
    if (this.#workers.has(worker)) this.#workers.set(worker, left);
    if (left === 0) worker.unref();
    waiting?.resolve();
  }

  /** Forgets a thread and fails its batches; a later batch starts another one. */
  #fail(worker: Worker, cause: InternalError): void {
    this.#workers.delete(worker);
    for (const [id, waiting] of this.#waiting) {
      if (waiting.worker !== worker) continue;
      this.#waiting.delete(id);
      waiting.reject(cause);
    }
  }
}

function workerFailed(problem: string, cause?: unknown): InternalError {
  return new InternalError('LAYER_WORKER_FAILED', `A thread that hashes layers failed: ${problem}`, { cause });
}

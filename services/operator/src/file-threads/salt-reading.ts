import { errorMessage, InternalError, MalformedError } from '@holdfast/base';
import { SaltTable } from '@holdfast/uid2';
import type { SaltFileOptions } from '@holdfast/uid2';
import type { Worker } from 'node:worker_threads';

import { startThread } from '../threads/start-thread.ts';
import type { MessageFromReading, SaltThreadData, PieceMessage } from './salt-messages.ts';

const PIECE_BYTES = 256 * 1024;
/** Pieces on their way at once; whoever brings more waits, so that a fast download never fills the memory. */
const PIECES = 8;

/** Reads one salt file on a thread of its own, so that this one is free for something else; the thread ends with the file. */
export class SaltReading {
  readonly #thread: Worker;
  readonly #outcome = Promise.withResolvers<SaltTable>();
  readonly #free: ArrayBuffer[] = [];
  #made = 0;
  #piece: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  #onFree: (() => void) | undefined;
  #hasEnded = false;

  /** @param program Of the thread, for tests. */
  constructor(file: SaltFileOptions, program: URL = PROGRAM) {
    this.#outcome.promise.catch(() => undefined); // who pushes or finishes gets it
    this.#thread = startThread<SaltThreadData, MessageFromReading>({
      program,
      name: 'salt-reading',
      data: { file },
      onMessage: (message) => this.#onMessage(message),
      onExit: (cause) => this.#onExit(cause),
    });
    this.#thread.unref(); // one that was started beforehand and never needed keeps nothing running
  }

  /**
   * Takes the next bytes of the file, which are copied. Resolves when there is room for more.
   * @throws what `finish` throws, as soon as it is known
   */
  async push(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.length;) {
      const piece = (this.#piece ??= await this.#freePiece());
      const part = bytes.subarray(start, start + piece.length - this.#filled);
      piece.set(part, this.#filled);
      this.#filled += part.length;
      start += part.length;
      if (this.#filled === piece.length) this.#send(piece, false);
    }
  }

  /**
   * The table, once all bytes were pushed.
   * @throws MalformedError SALT_FILE_MALFORMED
   * @throws InternalError FILE_THREAD_LOST when the thread ended before the file
   */
  async finish(): Promise<SaltTable> {
    this.#send(this.#piece ?? (await this.#freePiece()), true);
    return this.#outcome.promise;
  }

  /** Ends the thread, whatever it is doing. */
  async stop(): Promise<void> {
    await this.#thread.terminate();
  }

  #send(piece: Uint8Array<ArrayBuffer>, isLast: boolean): void {
    const message: PieceMessage = { memory: piece.buffer, length: this.#filled, isLast };
    this.#piece = undefined;
    this.#filled = 0;
    this.#thread.postMessage(message, [piece.buffer]);
  }

  async #freePiece(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#free.length === 0 && this.#made === PIECES && !this.#hasEnded) {
      await new Promise<void>((resolve) => {
        this.#onFree = resolve;
      });
    }
    if (this.#hasEnded) await this.#outcome.promise;
    const memory = this.#free.pop();
    if (memory !== undefined) return new Uint8Array(memory);
    this.#made += 1;
    return new Uint8Array(PIECE_BYTES);
  }

  #onMessage(message: MessageFromReading): void {
    switch (message.kind) {
      case 'read':
        this.#free.push(message.memory);
        break;
      case 'parsed':
        this.#outcome.resolve(SaltTable.fromShared(message.table));
        return;
      case 'malformed':
        this.#fail(new MalformedError(message.code, message.message, { details: message.details }));
    }
    this.#onFree?.();
  }

  #onExit(cause: unknown): void {
    this.#fail(
      new InternalError('FILE_THREAD_LOST', `the thread that read the salts ended: ${errorMessage(cause)}`, { cause }),
    );
    this.#onFree?.();
  }

  /** Says nothing new once there is an outcome. */
  #fail(error: unknown): void {
    this.#hasEnded = true;
    this.#outcome.reject(error);
  }
}

const PROGRAM = new URL('read-salts.ts', import.meta.url);

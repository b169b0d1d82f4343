import { Buffer } from 'node:buffer';
import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

const PIECE_BYTES = 64 * 1024;

export interface LogReading {
  /** Only so many lines from the end of what is there. */
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  /** Goes on with what is appended, as long as `isOpen` says so; `onChange` tells when to ask again. */
  readonly follow:
    | {
        readonly isOpen: () => boolean;
        readonly onChange: (listener: () => void) => () => void;
        readonly signal: AbortSignal;
      }
    | undefined;
}

/** The bytes of a log file, and what is appended to it while it is followed. Nothing when there is no such file. */
export async function* readLog(file: string, reading: LogReading): AsyncGenerator<Uint8Array> {
  const handle = await openIfPresent(file);
  if (handle === undefined) return;
  await using _closed = handle;
  let at = await startOf(handle, reading.tailLines);
  let left = reading.limitBytes ?? Infinity;
  const { follow } = reading;
  const woken = follow === undefined ? undefined : new Wake(file, follow);
  try {
    for (;;) {
      // Asked before reading: what was written until the end is then surely read.
      const mayGrow = follow !== undefined && !follow.signal.aborted && follow.isOpen();
      for (let piece = await pieceAt(handle, at, left); piece.length > 0; piece = await pieceAt(handle, at, left)) {
        at += piece.length;
        left -= piece.length;
        yield piece;
      }
      if (!mayGrow || left === 0 || woken === undefined) return;
      await woken.next();
    }
  } finally {
    woken?.close();
  }
}

/** Resolves when the file or the container may have changed since the last time. */
class Wake {
  readonly #stops: (() => void)[] = [];
  #changed = Promise.withResolvers<void>();

  constructor(file: string, { onChange, signal }: NonNullable<LogReading['follow']>) {
    const wake = (): void => this.#changed.resolve();
    const watcher = watch(file, { persistent: false }, wake);
    watcher.on('error', wake);
    signal.addEventListener('abort', wake);
    this.#stops.push(
      () => watcher.close(),
      onChange(wake),
      () => signal.removeEventListener('abort', wake),
    );
  }

  async next(): Promise<void> {
    await this.#changed.promise;
    this.#changed = Promise.withResolvers<void>();
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }
}

async function openIfPresent(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function pieceAt(handle: FileHandle, at: number, limit: number): Promise<Uint8Array> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(PIECE_BYTES), 0, Math.min(PIECE_BYTES, limit), at);
  return buffer.subarray(0, bytesRead);
}

/** Where the last lines begin. */
async function startOf(handle: FileHandle, tailLines: number | undefined): Promise<number> {
  if (tailLines === undefined) return 0;
  const { size } = await handle.stat();
  let end = size;
  // The line break at the very end closes the last line and begins none.
  let missing = tailLines + 1;
  while (end > 0) {
    const begin = Math.max(0, end - PIECE_BYTES);
    const piece = await pieceAt(handle, begin, end - begin);
    for (let index = piece.length - 1; index >= 0; index -= 1) {
      const isEnd = begin + index === size - 1;
      if (piece[index] === 10 ? (missing -= 1) === 0 : isEnd && (missing -= 1) === 0) return begin + index + 1;
    }
    end = begin;
  }
  return 0;
}

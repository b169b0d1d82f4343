import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { writeFileAtomic } from '@holdfast/process';

const QUIET_MS = 250;

/** A file that follows a value which changes often: written a moment after a change, and once more at the end. */
export class DebouncedFile {
  readonly #file: string;
  readonly #text: () => string;
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: string, text: () => string, onError: (error: unknown) => void) {
    this.#file = file;
    this.#text = text;
    this.#onError = onError;
  }

  /** Says that the value has changed. */
  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#write().catch(this.#onError);
    }, QUIET_MS).unref();
  }

  /** Writes the value as it is now; nothing is written afterwards unless something changes again. */
  async flush(): Promise<void> {
    this.forget();
    await this.#write();
  }

  /** Leaves the file as it is. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #write(): Promise<void> {
    const next = this.#writing.then(async () => {
      await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
      await writeFileAtomic(this.#file, this.#text(), { mode: 0o600 });
    });
    this.#writing = next.catch(() => undefined); // told by whoever waits for it; the next write tries again
    return next;
  }
}

import { MalformedError } from '@holdfast/base';
import { TarReader, tarEntryName } from '@holdfast/policy/layers';
import type { TarEntry } from '@holdfast/policy/layers';

import { cleanTarPath, isTarFile, tarNameText } from './tar-path.ts';

/** What one layer does to an account file: sets its text, removes it, or leaves it as it was. */
export type AccountChange = { readonly text: string } | 'removed' | 'unchanged';

export interface LayerAccounts {
  readonly passwd: AccountChange;
  readonly group: AccountChange;
}

/** Longest `/etc/passwd` or `/etc/group` that is kept, in bytes. */
const MAX_FILE_BYTES = 1024 * 1024;

const WANTED: ReadonlyMap<string, keyof LayerAccounts> = new Map([
  ['etc/passwd', 'passwd'],
  ['etc/group', 'group'],
]);
/** Whiteouts of the OCI image specification that hide files of the layers below. */
const HIDES: ReadonlyMap<string, readonly (keyof LayerAccounts)[]> = new Map([
  ['etc/.wh.passwd', ['passwd']],
  ['etc/.wh.group', ['group']],
  ['etc/.wh..wh..opq', ['passwd', 'group']],
  ['.wh.etc', ['passwd', 'group']],
  ['.wh..wh..opq', ['passwd', 'group']],
]);

/**
 * Watches the tar of a layer go by and keeps `/etc/passwd` and `/etc/group`. Push every chunk, then call `end`. A file that is
 * a link counts as removed: its text is that of another file.
 */
export class AccountScanner {
  readonly #reader: TarReader;
  #kept: { readonly file: keyof LayerAccounts; readonly chunks: Uint8Array[] } | undefined;
  readonly #found: { passwd: AccountChange; group: AccountChange } = { passwd: 'unchanged', group: 'unchanged' };

  constructor() {
    this.#reader = new TarReader({
      entry: (entry) => this.#entry(entry),
      content: (bytes) => this.#kept?.chunks.push(bytes.slice()),
      hole: (length) => this.#kept?.chunks.push(new Uint8Array(length)),
    });
  }

  /** @throws MalformedError LAYER_TAR_MALFORMED, LAYER_LIMIT_EXCEEDED, LAYER_TOO_LARGE for an account file beyond a megabyte */
  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  /** @throws MalformedError LAYER_TAR_TRUNCATED */
  end(): LayerAccounts {
    this.#reader.finish();
    this.#finish();
    return this.#found;
  }

  #entry(entry: TarEntry): void {
    this.#finish();
    if (entry.header.typeflag === 'g') return;
    const path = cleanTarPath(tarNameText(tarEntryName(entry)));
    // A whiteout hides what is below, not what this layer itself brings, in whatever order.
    for (const hidden of HIDES.get(path) ?? [])
      if (this.#found[hidden] === 'unchanged') this.#found[hidden] = 'removed';
    const file = WANTED.get(path);
    if (file === undefined) return;
    if (!isTarFile(entry)) this.#found[file] = 'removed';
    else if (entry.size > MAX_FILE_BYTES) {
      throw new MalformedError('LAYER_TOO_LARGE', `${path} of a layer is longer than ${MAX_FILE_BYTES} bytes`, {
        action: 'Build the image with a shorter file.',
      });
    } else this.#kept = { file, chunks: [] };
  }

  #finish(): void {
    if (this.#kept === undefined) return;
    this.#found[this.#kept.file] = { text: Buffer.concat(this.#kept.chunks).toString('utf8') };
    this.#kept = undefined;
  }
}

/** The account files of an image from those of its layers, base layer first; absent when no layer has the file. */
export function effectiveAccounts(layers: readonly LayerAccounts[]): { passwd?: string; group?: string } {
  const result: { passwd?: string; group?: string } = {};
  for (const layer of layers) {
    for (const file of ['passwd', 'group'] as const) {
      const change = layer[file];
      if (change === 'removed') delete result[file];
      else if (change !== 'unchanged') result[file] = change.text;
    }
  }
  return result;
}

import { TAR_BLOCK, TarHeaders, cleanTarPath, malformed, paddedSize } from './tar-header.ts';
import type { TarEntry } from './tar-header.ts';

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
  readonly #headers = new TarHeaders();
  #buffer = new Uint8Array(0);
  /** Bytes of content that still belong to the current entry, padding included. */
  #remaining = 0;
  #kept: { entry: TarEntry; chunks: Uint8Array[] } | undefined;
  #ended = false;
  readonly #found: { passwd: AccountChange; group: AccountChange } = { passwd: 'unchanged', group: 'unchanged' };

  /** @throws MalformedError LAYER_TAR_MALFORMED */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#ended)
      at += this.#remaining > 0 ? this.#content(chunk, at) : this.#header(chunk, at);
  }

  end(): LayerAccounts {
    if (this.#remaining > 0 || (this.#buffer.length > 0 && !this.#ended)) throw malformed('it ends within an entry');
    return this.#found;
  }

  #content(chunk: Uint8Array, at: number): number {
    const taken = Math.min(this.#remaining, chunk.length - at);
    this.#kept?.chunks.push(chunk.slice(at, at + taken));
    this.#remaining -= taken;
    if (this.#remaining === 0) this.#finish();
    return taken;
  }

  #header(chunk: Uint8Array, at: number): number {
    const taken = Math.min(TAR_BLOCK - this.#buffer.length, chunk.length - at);
    const block = new Uint8Array(this.#buffer.length + taken);
    block.set(this.#buffer);
    block.set(chunk.subarray(at, at + taken), this.#buffer.length);
    this.#buffer = block;
    if (block.length < TAR_BLOCK) return taken;
    this.#buffer = new Uint8Array(0);
    const entry = this.#headers.read(block);
    if (entry === undefined) this.#ended = true;
    else this.#start(entry);
    return taken;
  }

  #start(entry: TarEntry): void {
    this.#remaining = paddedSize(entry.size);
    const isFile = entry.type === '0' || entry.type === '7';
    if (this.#headers.isMetadata(entry)) this.#kept = { entry, chunks: [] };
    else this.#look(entry, isFile);
    if (this.#remaining === 0) this.#finish();
  }

  #look(entry: TarEntry, isFile: boolean): void {
    const path = cleanTarPath(entry.name);
    const wanted = WANTED.get(path);
    // A whiteout hides what is below, not what this layer itself brings, in whatever order.
    for (const hidden of HIDES.get(path) ?? [])
      if (this.#found[hidden] === 'unchanged') this.#found[hidden] = 'removed';
    if (wanted === undefined) return;
    if (!isFile) this.#found[wanted] = 'removed';
    else if (entry.size > MAX_FILE_BYTES) throw malformed(`${path} is longer than ${MAX_FILE_BYTES} bytes`);
    else this.#kept = { entry, chunks: [] };
  }

  #finish(): void {
    const kept = this.#kept;
    if (kept === undefined) return;
    this.#kept = undefined;
    const content = Buffer.concat(kept.chunks).subarray(0, kept.entry.size);
    if (this.#headers.isMetadata(kept.entry)) {
      this.#headers.takeMetadata(kept.entry, content);
      return;
    }
    const wanted = WANTED.get(cleanTarPath(kept.entry.name));
    if (wanted !== undefined) this.#found[wanted] = { text: content.toString('utf8') };
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

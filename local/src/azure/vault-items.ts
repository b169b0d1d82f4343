import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { errorMessage, MalformedError, RequestError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';
import { z } from 'zod';

/** A named item of a vault, key or secret, with its versions, oldest first. */
export interface VaultItem<V> {
  readonly name: string;
  readonly versions: readonly V[];
  /** Seconds since the epoch; only for deleted items. */
  readonly deletedDate?: number | undefined;
}

/** One version and the name it is under, spelled as at its making. */
export interface NamedVersion<V> {
  readonly name: string;
  readonly version: V;
}

/** The newest version of a deleted item, and when the item goes for good (seconds since the epoch). */
export interface DeletedItem<V> extends NamedVersion<V> {
  readonly deletedDate: number;
  readonly scheduledPurgeDate: number;
}

/** What differs between keys and secrets. */
export interface ItemKind {
  readonly noun: 'key' | 'secret' | 'certificate';
  readonly invalid: string;
  readonly notFound: string;
  readonly deleted: string;
}

export const RECOVERABLE_DAYS = 90;
export const ITEM_NAME = /^[0-9A-Za-z-]{1,127}$/;
export const ITEM_VERSION = /^[0-9a-f]{32}$/;

/**
 * The items of a vault: names are compared without case, deleted items keep their name until they are purged, and a change is
 * on disk before its call resolves. A failed write changes nothing. All methods throw RequestError with the codes of the kind.
 */
export class VaultItems<V extends { readonly version: string }> {
  readonly #kind: ItemKind;
  readonly #clock: Clock;
  readonly #save: (items: readonly VaultItem<V>[]) => Promise<void>;
  #items: ReadonlyMap<string, VaultItem<V>>;
  #lastWrite: Promise<unknown> = Promise.resolve();

  /** @param options.save Writes all items; called for one change after the other. */
  constructor(options: {
    readonly kind: ItemKind;
    readonly clock: Clock;
    readonly items: readonly VaultItem<V>[];
    readonly save: (items: readonly VaultItem<V>[]) => Promise<void>;
  }) {
    this.#kind = options.kind;
    this.#clock = options.clock;
    this.#save = options.save;
    this.#items = new Map(options.items.map((item) => [item.name.toLowerCase(), item]));
  }

  nowSeconds(): number {
    return Math.floor(this.#clock() / 1000);
  }

  /** An item that is not deleted. */
  active(name: string): VaultItem<V> {
    return this.#active(this.#items, name);
  }

  /** The given version of an item that is not deleted; an empty version is the newest. */
  find(name: string, version: string): NamedVersion<V> {
    const item = this.active(name);
    return { name: item.name, version: this.#version(item, version) };
  }

  /** The newest version of each item, by name. */
  list(): readonly NamedVersion<V>[] {
    return this.#sorted()
      .filter(({ deletedDate }) => deletedDate === undefined)
      .map((item) => ({ name: item.name, version: this.newest(item) }));
  }

  listDeleted(): readonly DeletedItem<V>[] {
    return this.#sorted().flatMap((item) =>
      item.deletedDate === undefined ? [] : [this.#deletedItem(item, item.deletedDate)],
    );
  }

  deleted(name: string): DeletedItem<V> {
    const item = this.#deleted(this.#items, name);
    return this.#deletedItem(item, item.deletedDate);
  }

  newest(item: VaultItem<V>): V {
    return this.#version(item, '');
  }

  /** Adds a newest version to an item, or makes the item. */
  async add(name: string, make: (nowSeconds: number) => V): Promise<NamedVersion<V>> {
    this.assertName(name);
    return this.#change((next) => {
      const known = next.get(name.toLowerCase());
      if (known?.deletedDate !== undefined) throw this.#deletedButRecoverable(name);
      const version = make(this.nowSeconds());
      const item = { name: known?.name ?? name, versions: [...(known?.versions ?? []), version] };
      next.set(name.toLowerCase(), item);
      return { name: item.name, version };
    });
  }

  /** Puts another version in the place of the given one; an empty version is the newest. */
  async update(
    name: string,
    version: string,
    make: (known: V, item: VaultItem<V>, nowSeconds: number) => V,
  ): Promise<NamedVersion<V>> {
    return this.#change((next) => {
      const item = this.#active(next, name);
      const known = this.#version(item, version);
      const changed = make(known, item, this.nowSeconds());
      const versions = item.versions.map((each) => (each === known ? changed : each));
      next.set(name.toLowerCase(), { ...item, versions });
      return { name: item.name, version: changed };
    });
  }

  async delete(name: string): Promise<DeletedItem<V>> {
    return this.#change((next) => {
      const item = { ...this.#active(next, name), deletedDate: this.nowSeconds() };
      next.set(name.toLowerCase(), item);
      return this.#deletedItem(item, item.deletedDate);
    });
  }

  async recover(name: string): Promise<NamedVersion<V>> {
    return this.#change((next) => {
      const { name: storedName, versions } = this.#deleted(next, name);
      const item = { name: storedName, versions };
      next.set(name.toLowerCase(), item);
      return { name: storedName, version: this.newest(item) };
    });
  }

  async purge(name: string): Promise<void> {
    return this.#change((next) => {
      this.#deleted(next, name);
      next.delete(name.toLowerCase());
    });
  }

  /** Adds an item with all its versions; its name must be free, also of deleted items. */
  async restore(item: VaultItem<V>): Promise<NamedVersion<V>> {
    const { noun, deleted } = this.#kind;
    return this.#change((next) => {
      if (next.has(item.name.toLowerCase()))
        throw new RequestError(deleted, `The ${noun} ${item.name} exists already, or is deleted but recoverable.`);
      next.set(item.name.toLowerCase(), item);
      return { name: item.name, version: this.newest(item) };
    });
  }

  assertName(name: string): void {
    if (ITEM_NAME.test(name)) return;
    throw new RequestError(this.#kind.invalid, `The request URI contains an invalid name: ${name.slice(0, 130)}`);
  }

  /** Changes happen one after the other: each sees the one before, and the file never goes back in time. */
  #change<T>(make: (next: Map<string, VaultItem<V>>) => T): Promise<T> {
    const written = this.#lastWrite.then(async () => {
      const next = new Map(this.#items);
      const result = make(next);
      await this.#save([...next.values()]);
      this.#items = next;
      return result;
    });
    this.#lastWrite = written.catch(() => undefined); // the caller gets the failure; the next change goes on
    return written;
  }

  #sorted(): VaultItem<V>[] {
    return [...this.#items.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
  }

  #version(item: VaultItem<V>, version: string): V {
    const wanted = version.toLowerCase();
    const found = version === '' ? item.versions.at(-1) : item.versions.find((known) => known.version === wanted);
    if (found !== undefined) return found;
    throw this.#notFound(version === '' ? item.name : `${item.name}/${version.slice(0, 32)}`);
  }

  #active(items: ReadonlyMap<string, VaultItem<V>>, name: string): VaultItem<V> {
    this.assertName(name);
    const item = items.get(name.toLowerCase());
    if (item === undefined || item.deletedDate !== undefined) throw this.#notFound(name);
    return item;
  }

  #deleted(items: ReadonlyMap<string, VaultItem<V>>, name: string): VaultItem<V> & { readonly deletedDate: number } {
    this.assertName(name);
    const item = items.get(name.toLowerCase());
    if (item?.deletedDate !== undefined) return { ...item, deletedDate: item.deletedDate };
    throw new RequestError(this.#kind.notFound, `Deleted ${capitalised(this.#kind.noun)} not found: ${name}`);
  }

  #deletedItem(item: VaultItem<V>, deletedDate: number): DeletedItem<V> {
    const scheduledPurgeDate = deletedDate + RECOVERABLE_DAYS * 24 * 60 * 60;
    return { name: item.name, version: this.newest(item), deletedDate, scheduledPurgeDate };
  }

  #notFound(name: string): RequestError {
    const { noun, notFound } = this.#kind;
    return new RequestError(
      notFound,
      `A ${noun} with (name/id) ${name} was not found in this key vault. If you recently deleted this ${noun} you may be able to recover it using the correct recovery command.`,
    );
  }

  #deletedButRecoverable(name: string): RequestError {
    const { noun, deleted } = this.#kind;
    return new RequestError(
      deleted,
      `${capitalised(noun)} ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the ${noun} can only be recovered or purged.`,
    );
  }
}

/**
 * The content of a vault's file; undefined when there is none yet. Makes the folder.
 * @throws MalformedError LOCAL_VAULT_UNREADABLE when the file is there and does not hold what a vault writes
 */
export async function readVaultFile<S extends z.ZodType>(file: string, schema: S): Promise<z.output<S> | undefined> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    return schema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // The message of the cause could quote the file, and the file holds secrets.
    const reason =
      cause instanceof z.ZodError
        ? z.prettifyError(cause)
        : cause instanceof SyntaxError
          ? 'not JSON'
          : errorMessage(cause);
    throw new MalformedError('LOCAL_VAULT_UNREADABLE', `cannot use the vault file ${file}: ${reason}`, {
      details: { file },
      action: 'Restore the file, or delete it to start with an empty vault.',
    });
  }
}

/** Writes the file of a vault, readable by its owner only. */
export async function writeVaultFile(file: string, content: object): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
}

/** Times of validity in seconds since the epoch, as far as they are said. */
export interface Validity {
  readonly nbf?: number | undefined;
  readonly exp?: number | undefined;
}

/** `changes` over `known`; whoever expires before it is valid is refused with `code`. */
export function changedValidity(known: Validity, changes: Validity, kind: ItemKind): Validity {
  const { nbf = known.nbf, exp = known.exp } = changes;
  if (nbf !== undefined && exp !== undefined && nbf >= exp)
    throw new RequestError(kind.invalid, `The ${kind.noun} would expire before it is valid.`);
  return { ...(nbf === undefined ? {} : { nbf }), ...(exp === undefined ? {} : { exp }) };
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

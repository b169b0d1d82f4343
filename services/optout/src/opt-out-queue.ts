import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import { DependencyError, errorMessage } from '@holdfast/base';
import { decodeOptOutRecord, encodeOptOutRecord, OPTOUT_RECORD_LENGTH } from '@holdfast/uid2';
import type { OptOutRecord } from '@holdfast/uid2';

/** Opt-outs taken off the queue together, and the way to say that they are safe elsewhere. */
export interface OptOutBatch {
  /** In the order they were accepted. */
  readonly records: readonly OptOutRecord[];
  /** Parts of the journal that were not whole: nobody was told that these opt-outs had been accepted. */
  readonly damagedEntries: number;
  /** Removes the batch from disk. Until it has been called, the same opt-outs come again after a restart. */
  done(): Promise<void>;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const ENTRY_LENGTH = OPTOUT_RECORD_LENGTH + 4;
const JOURNAL = /^(\d{16})-[0-9a-f]{8}\.journal$/;

/**
 * Accepted opt-outs on their way into a delta, in journals on disk. `append` resolves only when the opt-out would survive a
 * crash of process and machine; those that arrive together share one flush. An entry is the 72-byte record and its CRC-32,
 * so that a write torn by a crash is recognised. No e-mail address, phone number or IP address is kept.
 */
export class OptOutQueue {
  readonly #folder: string;
  #sequence: number;
  #handle: FileHandle | undefined;
  /** Journals that are complete: of earlier runs, or closed by `take`. */
  #closed: string[];
  #currentName: string | undefined;
  #waiting: Waiting[] = [];
  /** The last of the operations on the journal, which happen one after another. */
  #tail: Promise<unknown> = Promise.resolve();
  #size: number;

  private constructor(folder: string, journals: readonly string[], size: number) {
    this.#folder = folder;
    this.#closed = [...journals];
    this.#sequence = Number(journals.at(-1)?.slice(0, 16) ?? 0);
    this.#size = size;
  }

  /**
   * Opens the queue in `folder`, which is made if it does not exist; what an earlier run left is still in it.
   * @throws DependencyError OPTOUT_QUEUE_UNUSABLE
   */
  static async open(folder: string): Promise<OptOutQueue> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const journals = (await readdir(folder)).filter((name) => JOURNAL.test(name)).toSorted();
      let size = 0;
      for (const name of journals) size += (await readJournal(join(folder, name))).records.length;
      return new OptOutQueue(folder, journals, size);
    } catch (cause) {
      throw unusable(folder, cause);
    }
  }

  /** How many opt-outs wait for a delta. */
  get size(): number {
    return this.#size;
  }

  /**
   * Puts an opt-out on disk.
   * @throws DependencyError OPTOUT_QUEUE_UNUSABLE when the disk refused it; it may or may not be kept
   * @throws InternalError OPTOUT_RECORD_INVALID
   */
  async append(record: OptOutRecord): Promise<void> {
    const bytes = encodeEntry(record);
    const written = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ bytes, resolve, reject });
    });
    if (this.#waiting.length === 1) void this.#inTurn(() => this.#flush());
    return written;
  }

  /**
   * Everything accepted so far. Opt-outs accepted from now on belong to the next batch.
   * @throws DependencyError OPTOUT_QUEUE_UNUSABLE
   */
  async take(): Promise<OptOutBatch> {
    try {
      await this.#inTurn(() => this.#closeCurrent());
      const names = [...this.#closed];
      const records: OptOutRecord[] = [];
      let damagedEntries = 0;
      for (const name of names) {
        const journal = await readJournal(join(this.#folder, name));
        records.push(...journal.records);
        damagedEntries += journal.damagedEntries;
      }
      return { records, damagedEntries, done: () => this.#remove(names, records.length) };
    } catch (cause) {
      throw unusable(this.#folder, cause);
    }
  }

  /** Waits for writes under way and closes the journal. Nothing is lost: what is left comes with the next `open`. */
  async close(): Promise<void> {
    await this.#inTurn(() => this.#closeCurrent());
  }

  async #inTurn(operation: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(operation);
    this.#tail = done.catch(() => undefined); // whoever asked for the operation gets its failure; the next one goes on
    return done;
  }

  /** Writes everything that waits, with one flush to disk. */
  async #flush(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      const handle = await this.#currentJournal();
      await handle.appendFile(Buffer.concat(batch.map(({ bytes }) => bytes)));
      await handle.datasync();
    } catch (cause) {
      const error = unusable(this.#folder, cause);
      for (const { reject } of batch) reject(error);
      // What was written of the batch may end in the middle of an entry, so nothing may follow it there.
      await this.#closeCurrent().catch(() => undefined);
      return;
    }
    this.#size += batch.length;
    for (const { resolve } of batch) resolve();
  }

  async #currentJournal(): Promise<FileHandle> {
    if (this.#handle !== undefined) return this.#handle;
    const sequence = String(++this.#sequence).padStart(16, '0');
    const name = `${sequence}-${randomBytes(4).toString('hex')}.journal`;
    const handle = await open(join(this.#folder, name), 'ax', 0o600);
    this.#handle = handle;
    this.#currentName = name;
    await syncFolder(this.#folder);
    return handle;
  }

  async #closeCurrent(): Promise<void> {
    const handle = this.#handle;
    if (handle === undefined || this.#currentName === undefined) return;
    this.#closed.push(this.#currentName);
    this.#handle = undefined;
    this.#currentName = undefined;
    await handle.close();
  }

  async #remove(names: readonly string[], count: number): Promise<void> {
    try {
      for (const name of names) await rm(join(this.#folder, name), { force: true });
    } catch (cause) {
      throw unusable(this.#folder, cause);
    }
    this.#closed = this.#closed.filter((name) => !names.includes(name));
    this.#size -= count;
  }
}

function encodeEntry(record: OptOutRecord): Uint8Array {
  const entry = Buffer.alloc(ENTRY_LENGTH);
  const bytes = encodeOptOutRecord(record);
  entry.set(bytes);
  entry.writeUInt32BE(crc32(bytes), OPTOUT_RECORD_LENGTH);
  return entry;
}

async function readJournal(
  file: string,
): Promise<{ readonly records: readonly OptOutRecord[]; readonly damagedEntries: number }> {
  const bytes = await readFile(file);
  const records: OptOutRecord[] = [];
  let damagedEntries = bytes.length % ENTRY_LENGTH === 0 ? 0 : 1;
  for (let offset = 0; offset + ENTRY_LENGTH <= bytes.length; offset += ENTRY_LENGTH) {
    const record = bytes.subarray(offset, offset + OPTOUT_RECORD_LENGTH);
    if (crc32(record) === bytes.readUInt32BE(offset + OPTOUT_RECORD_LENGTH)) records.push(decodeOptOutRecord(record));
    else damagedEntries++;
  }
  return { records, damagedEntries };
}

/** A new journal is durable once its folder is; Windows offers no handle for that and needs none. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unusable(folder: string, cause: unknown): DependencyError {
  if (cause instanceof DependencyError) return cause;
  return new DependencyError('OPTOUT_QUEUE_UNUSABLE', `the opt-out queue in ${folder} failed: ${errorMessage(cause)}`, {
    retryable: true,
    cause,
    details: { folder },
    action: 'Check that the folder belongs to the user of the service and that its disk is not full.',
  });
}

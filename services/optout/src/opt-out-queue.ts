import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import { DependencyError, errorMessage } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';
import { decodeOptOutRecord, encodeOptOutRecord, OPTOUT_RECORD_LENGTH } from '@holdfast/uid2';
import type { OptOutRecord } from '@holdfast/uid2';

/** An accepted opt-out, with what only the deny-list looks at. */
export interface QueuedOptOut {
  readonly record: OptOutRecord;
  /** As the operator sent it; kept only where a deny-list is configured. */
  readonly clientIp: string | undefined;
}

/** Opt-outs taken off the queue together, and the way to say that they are safe elsewhere. */
export interface OptOutBatch {
  /** By the time they were accepted, then in the order they were. */
  readonly entries: readonly QueuedOptOut[];
  /** How many were left out because they are too recent. */
  readonly tooRecent: number;
  /** Parts of the journal that were not whole: nobody was told that these opt-outs had been accepted. */
  readonly damagedEntries: number;
  /**
   * Removes the first `count` entries from disk. Until it has been called, the same opt-outs come again with the next batch,
   * also after a restart.
   * @throws DependencyError OPTOUT_QUEUE_UNUSABLE
   */
  settle(count: number): Promise<void>;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Longest text of an IP address (an IPv6 address with an embedded IPv4 address). */
const MAX_IP_LENGTH = 45;
const IP_OFFSET = OPTOUT_RECORD_LENGTH + 1;
const CRC_LENGTH = 4;
const ENTRY_LENGTH = IP_OFFSET + MAX_IP_LENGTH + CRC_LENGTH;
/** Journals of versions before the deny-list hold the bare record. */
const BARE_ENTRY_LENGTH = OPTOUT_RECORD_LENGTH + CRC_LENGTH;

const JOURNAL = /^(\d{16})-[0-9a-f]{8}\.(journal|entries)$/;
const UNFINISHED = /\.(?:journal|entries)\.\d+\.[0-9a-f]{8}\.tmp$/;

interface Journal {
  readonly name: string;
  readonly entries: readonly QueuedOptOut[];
  readonly damagedEntries: number;
}

/**
 * Accepted opt-outs on their way into a delta, in journals on disk. `append` resolves only when the opt-out would survive a
 * crash of process and machine; those that arrive together share one flush. An entry is the 72-byte record, room for an IP
 * address and their CRC-32, so that a write torn by a crash is recognised. No e-mail address or phone number is kept. One
 * process works in one folder.
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
      const names = await readdir(folder);
      for (const name of names.filter((found) => UNFINISHED.test(found))) await rm(join(folder, name), { force: true });
      const journals = names.filter((name) => JOURNAL.test(name)).toSorted();
      let size = 0;
      for (const name of journals) size += (await readJournal(folder, name)).entries.length;
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
  async append(record: OptOutRecord, clientIp?: string): Promise<void> {
    const bytes = encodeEntry(record, clientIp);
    const written = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ bytes, resolve, reject });
    });
    if (this.#waiting.length === 1) void this.#inTurn(() => this.#flush());
    return written;
  }

  /**
   * Everything accepted so far, up to and including `notAfter` (seconds since the epoch). What is accepted from now on belongs
   * to the next batch.
   * @throws DependencyError OPTOUT_QUEUE_UNUSABLE
   */
  async take(notAfter = Infinity): Promise<OptOutBatch> {
    try {
      await this.#inTurn(() => this.#closeCurrent());
      const journals: Journal[] = [];
      for (const name of this.#closed.slice()) journals.push(await readJournal(this.#folder, name));
      const all = journals.flatMap(({ entries }) => entries);
      const entries = all
        .filter(({ record }) => record.optedOutAt <= notAfter)
        .toSorted((a, b) => a.record.optedOutAt - b.record.optedOutAt);
      return {
        entries,
        tooRecent: all.length - entries.length,
        damagedEntries: journals.reduce((sum, journal) => sum + journal.damagedEntries, 0),
        settle: async (count) => {
          const settled = new Set(entries.slice(0, count));
          await this.#inTurn(() => this.#remove(journals, settled));
        },
      };
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
    const name = this.#nextName();
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

  /** What is left of a journal goes to a new one before the old one goes, so a crash in between repeats and loses nothing. */
  async #remove(journals: readonly Journal[], settled: ReadonlySet<QueuedOptOut>): Promise<void> {
    try {
      for (const { name, entries } of journals) {
        const rest = entries.filter((entry) => !settled.has(entry));
        if (rest.length > 0 && rest.length === entries.length) continue;
        if (rest.length > 0) {
          const replacement = this.#nextName();
          const bytes = Buffer.concat(rest.map(({ record, clientIp }) => encodeEntry(record, clientIp)));
          await writeFileAtomic(join(this.#folder, replacement), bytes, { mode: 0o600 });
          this.#closed.push(replacement);
        }
        await rm(join(this.#folder, name), { force: true });
        this.#closed = this.#closed.filter((closed) => closed !== name);
        this.#size -= entries.length - rest.length;
      }
    } catch (cause) {
      throw unusable(this.#folder, cause);
    }
  }

  #nextName(): string {
    const sequence = String(++this.#sequence).padStart(16, '0');
    return `${sequence}-${randomBytes(4).toString('hex')}.entries`;
  }
}

function encodeEntry(record: OptOutRecord, clientIp: string | undefined): Uint8Array {
  const entry = Buffer.alloc(ENTRY_LENGTH);
  entry.set(encodeOptOutRecord(record));
  // Longer texts are no IP addresses, so no rule can name them.
  const ip = Buffer.from(clientIp ?? '', 'latin1');
  if (ip.length <= MAX_IP_LENGTH) {
    entry.writeUInt8(ip.length, OPTOUT_RECORD_LENGTH);
    entry.set(ip, IP_OFFSET);
  }
  entry.writeUInt32BE(crc32(entry.subarray(0, ENTRY_LENGTH - CRC_LENGTH)), ENTRY_LENGTH - CRC_LENGTH);
  return entry;
}

async function readJournal(folder: string, name: string): Promise<Journal> {
  const length = name.endsWith('.journal') ? BARE_ENTRY_LENGTH : ENTRY_LENGTH;
  const bytes = await readFile(join(folder, name));
  const entries: QueuedOptOut[] = [];
  let damagedEntries = bytes.length % length === 0 ? 0 : 1;
  for (let offset = 0; offset + length <= bytes.length; offset += length) {
    const entry = bytes.subarray(offset, offset + length);
    if (crc32(entry.subarray(0, length - CRC_LENGTH)) === entry.readUInt32BE(length - CRC_LENGTH)) {
      entries.push(decodeEntry(entry));
    } else damagedEntries++;
  }
  return { name, entries, damagedEntries };
}

function decodeEntry(entry: Buffer): QueuedOptOut {
  const record = decodeOptOutRecord(entry.subarray(0, OPTOUT_RECORD_LENGTH));
  const ipLength = entry.length === ENTRY_LENGTH ? entry.readUInt8(OPTOUT_RECORD_LENGTH) : 0;
  const clientIp = ipLength === 0 ? undefined : entry.toString('latin1', IP_OFFSET, IP_OFFSET + ipLength);
  return { record, clientIp };
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

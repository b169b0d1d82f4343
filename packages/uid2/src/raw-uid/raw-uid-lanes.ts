import type { Areas } from '../lanes/areas.ts';
import { padMessage } from '../lanes/areas.ts';
import type { Lanes } from '../lanes/lanes.ts';
import { CURRENT_KEY, PREVIOUS_KEY } from '../salts/salt-table.ts';
import type { CURRENT_SALT, PREVIOUS_SALT, SaltTable } from '../salts/salt-table.ts';
import { keyedMetadata, saltedMetadata } from './raw-uid.ts';
import type { RawUidOptions } from './raw-uid.ts';

/** The Base64 letters of a first-level hash and of every raw UID. */
export const TEXT_LENGTH = 44;
export const DIGEST_LENGTH = 32;

/** Every raw UID is, or begins with, a hash over a message of two blocks: 56 to 119 bytes. */
const MESSAGE = 128;
const BLOCKS = 2;
const MIN_LENGTH = 56;
const MAX_LENGTH = 119;
/** A raw UID of 33 bytes, aligned. */
const WIDE_UID = 36;
const KEY = 32;
const AES_BLOCK = 16;
const HALF = 16;
/** Metadata and key id of a version 4 raw UID; the IV follows. */
const HEADER = 4;
const IV = 12;

/** A column of the salt table that a raw UID can be made from. */
export type SaltColumn = typeof CURRENT_SALT | typeof PREVIOUS_SALT | typeof CURRENT_KEY | typeof PREVIOUS_KEY;

/**
 * Raw UIDs of all versions in lanes: `clear`, any number of `add`, `run`. After that the texts stand at the addresses that
 * `add` gave. The same raw UIDs as those of `rawUid` and `previousRawUid`.
 */
export class RawUidLanes {
  readonly #lanes: Lanes;
  /** The same memory word by word; all areas are aligned, and texts have eleven words. */
  readonly #words: Int32Array;
  readonly #view: DataView;
  readonly #messages: number;
  readonly #digests: number;
  readonly #texts: number;
  readonly #wideUids: number;
  readonly #wideTexts: number;
  readonly #keys: number;
  readonly #counters: number;
  readonly #keyStreams: number;
  #count = 0;
  /** The length that each message was last padded for. */
  readonly #paddedFor: Uint8Array;
  /** By raw UID of 33 bytes: where its digest will stand. */
  readonly #wideDigests: Int32Array;
  #wideCount = 0;
  /** By raw UID of version 4: where it stands itself, and the second half of its first-level hash. */
  readonly #keyedUids: Int32Array;
  readonly #keyedHalves: Int32Array;
  #keyedCount = 0;

  constructor(lanes: Lanes, areas: Areas, capacity: number) {
    this.#lanes = lanes;
    this.#words = new Int32Array(lanes.memory.buffer, 0, lanes.memory.length >> 2);
    this.#view = new DataView(lanes.memory.buffer);
    this.#messages = areas.take(capacity, MESSAGE);
    this.#digests = areas.take(capacity, DIGEST_LENGTH);
    this.#texts = areas.take(capacity, TEXT_LENGTH);
    this.#wideUids = areas.take(capacity, WIDE_UID);
    this.#wideTexts = areas.take(capacity, TEXT_LENGTH);
    this.#keys = areas.take(capacity, KEY);
    this.#counters = areas.take(capacity, AES_BLOCK);
    this.#keyStreams = areas.take(capacity, AES_BLOCK);
    this.#paddedFor = new Uint8Array(capacity);
    this.#wideDigests = new Int32Array(capacity);
    this.#keyedUids = new Int32Array(capacity);
    this.#keyedHalves = new Int32Array(capacity);
  }

  clear(): void {
    this.#count = 0;
    this.#wideCount = 0;
    this.#keyedCount = 0;
  }

  /**
   * Adds the raw UID of the first-level hash at `flh`, whose Base64 text is at `flhText`, from the material in one column of
   * an entry. Answers where its 44 letters will stand; 0 when the material is missing or not of the usual lengths.
   */
  add(
    flh: number,
    flhText: number,
    table: SaltTable,
    index: number,
    column: SaltColumn,
    options: RawUidOptions,
  ): number {
    const message = this.#messages + this.#count * MESSAGE;
    const keyed = column === CURRENT_KEY || column === PREVIOUS_KEY;
    const length = keyed
      ? this.#keyedMessage(message, flh, table, index, column, options)
      : this.#saltedMessage(message, flhText, table, index, column);
    if (length === 0) return 0;
    if (this.#paddedFor[this.#count] !== length) {
      padMessage(this.#lanes.memory, message, length, BLOCKS);
      this.#paddedFor[this.#count] = length;
    }
    const number = this.#count;
    this.#count += 1;
    if (!keyed && !options.identityV3) return this.#texts + number * TEXT_LENGTH;
    const wide = this.#wideCount;
    this.#wideCount += 1;
    this.#wideDigests[wide] = this.#digests + number * DIGEST_LENGTH;
    if (!keyed) this.#lanes.memory[this.#wideUids + wide * WIDE_UID] = saltedMetadata(options);
    return this.#wideTexts + wide * TEXT_LENGTH;
  }

  /** Makes all raw UIDs that were added. */
  run(): void {
    if (this.#count === 0) return;
    this.#lanes.sha256(this.#messages, MESSAGE, BLOCKS, this.#digests, this.#count);
    if (this.#count > this.#wideCount) {
      this.#lanes.base64Of32(this.#digests, DIGEST_LENGTH, this.#texts, TEXT_LENGTH, this.#count);
    }
    if (this.#wideCount === 0) return;
    this.#placeDigests();
    if (this.#keyedCount > 0) this.#encrypt();
    this.#lanes.base64Of33(this.#wideUids, WIDE_UID, this.#wideTexts, TEXT_LENGTH, this.#wideCount);
  }

  /** Versions 2 and 3: the Base64 text of the first-level hash and the salt. */
  #saltedMessage(message: number, flhText: number, table: SaltTable, index: number, column: SaltColumn): number {
    const length = TEXT_LENGTH + table.textLength(index, column);
    if (length < MIN_LENGTH || length > MAX_LENGTH) return 0;
    const [to, from] = [message >> 2, flhText >> 2];
    for (let i = 0; i < TEXT_LENGTH / 4; i += 1) this.#words[to + i] = this.#words[from + i] ?? 0;
    table.copyText(index, column, this.#view, message + TEXT_LENGTH);
    return length;
  }

  /** Version 4: the key's salt, half of the first-level hash, metadata and key id. Also notes key and header. */
  #keyedMessage(
    message: number,
    flh: number,
    table: SaltTable,
    index: number,
    column: typeof CURRENT_KEY | typeof PREVIOUS_KEY,
    options: RawUidOptions,
  ): number {
    const { memory } = this.#lanes;
    const saltLength = table.textLength(index, column + 1);
    const length = saltLength + HALF + HEADER;
    const usual = saltLength > 0 && length >= MIN_LENGTH && length <= MAX_LENGTH;
    if (!usual || table.textLength(index, column) !== KEY) return 0;
    table.copyText(index, column + 1, this.#view, message);
    const half = flh + HALF;
    for (let i = 0; i < HALF; i += 1) memory[message + saltLength + i] = memory[half + i] ?? 0;
    const uid = this.#wideUids + this.#wideCount * WIDE_UID;
    const id = table.keyId(index, column);
    memory[uid] = keyedMetadata(options);
    memory[uid + 1] = id >> 16;
    memory[uid + 2] = id >> 8;
    memory[uid + 3] = id;
    for (let i = 0; i < HEADER; i += 1) memory[message + saltLength + HALF + i] = memory[uid + i] ?? 0;
    table.copyText(index, column, this.#view, this.#keys + this.#keyedCount * KEY);
    this.#keyedUids[this.#keyedCount] = uid;
    this.#keyedHalves[this.#keyedCount] = half;
    this.#keyedCount += 1;
    return length;
  }

  /** The whole digest goes behind the metadata of a version 3 raw UID; the IV from it behind the header of a version 4 one. */
  #placeDigests(): void {
    const { memory } = this.#lanes;
    let keyed = 0;
    for (let wide = 0; wide < this.#wideCount; wide += 1) {
      const uid = this.#wideUids + wide * WIDE_UID;
      const digest = this.#wideDigests[wide] ?? 0;
      if (this.#keyedUids[keyed] !== uid || keyed >= this.#keyedCount) {
        for (let i = 0; i < DIGEST_LENGTH; i += 1) memory[uid + 1 + i] = memory[digest + i] ?? 0;
        continue;
      }
      const counter = this.#counters + keyed * AES_BLOCK;
      for (let i = 0; i < IV; i += 1) {
        const byte = memory[digest + i] ?? 0;
        memory[uid + HEADER + i] = byte;
        memory[counter + i] = byte; // the last four bytes are never written: the counter starts, and stays, at 0
      }
      keyed += 1;
    }
  }

  /** The half under AES-256-CTR, which for one block is AES-256 of the counter block; then the checksum. */
  #encrypt(): void {
    const { memory } = this.#lanes;
    this.#lanes.aes256(this.#keys, this.#counters, this.#keyStreams, this.#keyedCount);
    for (let keyed = 0; keyed < this.#keyedCount; keyed += 1) {
      const uid = this.#keyedUids[keyed] ?? 0;
      const half = this.#keyedHalves[keyed] ?? 0;
      const keyStream = this.#keyStreams + keyed * AES_BLOCK;
      const encrypted = uid + HEADER + IV;
      for (let i = 0; i < HALF; i += 1) {
        memory[encrypted + i] = (memory[keyStream + i] ?? 0) ^ (memory[half + i] ?? 0);
      }
      let checksum = 0;
      for (let i = 0; i < 32; i += 1) checksum ^= memory[uid + i] ?? 0;
      memory[uid + 32] = checksum;
    }
  }
}

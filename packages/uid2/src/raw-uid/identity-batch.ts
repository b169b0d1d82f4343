import { Buffer } from 'node:buffer';

import { firstLevelHash, hashDii } from '../identity/identity-hash.ts';
import type { DiiKind, IdentityType } from '../identity/identity.ts';
import { writePlainEmail } from '../identity/plain-email.ts';
import { createLanes, type Lanes } from '../lanes/lanes.ts';
import type { SaltSnapshot } from '../salts/salt-snapshot.ts';
import { CURRENT_KEY, CURRENT_SALT, PREVIOUS_KEY, PREVIOUS_SALT } from '../salts/salt-table.ts';
import type { SaltTable } from '../salts/salt-table.ts';
import { keyedMetadata, previousIsDue, previousRawUid, rawUid, refreshFrom, saltedTag } from './raw-uid.ts';
import type { RawUidOptions } from './raw-uid.ts';

/** What a batch is mapped against. */
export interface IdentityBatchWorld {
  readonly salts: SaltSnapshot;
  readonly email: RawUidOptions;
  readonly phone: RawUidOptions;
  /** Whether the identity whose first-level hash stands at `offset` counts as opted out. */
  readonly isOptedOut: (bytes: Uint8Array, offset: number, type: IdentityType) => boolean;
  /** Whether previous raw UIDs are wanted. */
  readonly withPrevious: boolean;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

export const MAPPED = 0;
export const INVALID = 1;
export const OPTED_OUT = 2;

/** Most identities of one batch. */
export const IDENTITY_BATCH_CAPACITY = 256;

const CAPACITY = IDENTITY_BATCH_CAPACITY;
const DIGEST = 32;
const BLOCK = 64;
/** A message of one block has room for 55 bytes. */
const IDENTITY_LIMIT = 55;
const TEXT = 44;
/** Raw UIDs are hashes over messages of two blocks, which have at least 56 and at most 119 bytes. */
const UID_MESSAGE = 128;
const UID_MESSAGE_MIN = 56;
const UID_MESSAGE_MAX = 119;
/** Room for the longest message of Base64 text and first-level salt that is hashed in lanes. */
const FLH_MESSAGE = 256;
const FLH_SALT_LIMIT = FLH_MESSAGE - TEXT - 9;
/** Current and previous raw UIDs. */
const UIDS = CAPACITY * 2;
/** A raw UID of 33 bytes, aligned. */
const WIDE_UID = 36;
const KEY = 32;
const AES_BLOCK = 16;
const IV = 12;
/** Key salt aside, what the IV of a version 4 raw UID is hashed from: half a first-level hash, metadata and key id. */
const IV_INPUT = 20;

/** Where everything lies in the memory of the lanes. */
function layout(start: number) {
  let next = start;
  const area = (bytes: number): number => {
    const at = next;
    next += bytes;
    return at;
  };
  return {
    identities: area(CAPACITY * BLOCK),
    identityDigests: area(CAPACITY * DIGEST),
    flhMessages: area(CAPACITY * FLH_MESSAGE),
    flhs: area(CAPACITY * DIGEST),
    flhTexts: area(CAPACITY * TEXT),
    uidMessages: area(UIDS * UID_MESSAGE),
    uidDigests: area(UIDS * DIGEST),
    uidTexts: area(UIDS * TEXT),
    wideUids: area(UIDS * WIDE_UID),
    wideTexts: area(UIDS * TEXT),
    keys: area(UIDS * KEY),
    counters: area(UIDS * AES_BLOCK),
    keyStreams: area(UIDS * AES_BLOCK),
    end: next,
  };
}

/**
 * Maps up to 256 identities of one kind at a time, stage by stage, and gives the same raw UIDs as `hashDii`,
 * `firstLevelHash`, `rawUid` and `previousRawUid` one by one. Everything usual goes through the lanes; what is unusual
 * (long addresses, texts outside ASCII, salts of odd lengths) is done by those functions.
 *
 * An instance is a workplace for one batch after the other: results are valid until the next `map`.
 */
export class IdentityBatch {
  /** By position in the batch: MAPPED, INVALID or OPTED_OUT. The other results are for mapped ones. */
  readonly outcomes: Uint8Array = new Uint8Array(CAPACITY);
  /** Where in `memory` the 44 Base64 letters of the raw UID stand. */
  readonly rawUidTexts: Int32Array = new Int32Array(CAPACITY);
  /** The same for the previous raw UID; 0 when there is none. */
  readonly previousTexts: Int32Array = new Int32Array(CAPACITY);
  /** 2, 3 or 4. */
  readonly versions: Uint8Array = new Uint8Array(CAPACITY);
  readonly bucketIndexes: Int32Array = new Int32Array(CAPACITY);
  /** Milliseconds since the epoch. */
  readonly refreshFromMs: Float64Array = new Float64Array(CAPACITY);

  readonly #lanes: Lanes;
  readonly #at: ReturnType<typeof layout>;
  readonly #words: Int32Array;
  /** The first-level salt that stands in the messages for first-level hashes; its length in blocks, 0 when too long. */
  #firstLevelSalt: string | undefined;
  #flhBlocks = 0;
  /** Identities in the lanes, and the positions they belong to. */
  #slots = 0;
  readonly #positions = new Int32Array(CAPACITY);
  /** Raw UIDs in the lanes. */
  #uids = 0;
  /** By raw UID: the length its message is padded for. */
  readonly #paddedFor = new Uint8Array(UIDS);
  /** By raw UID: its number among those of 33 bytes, or -1. */
  readonly #wideNumbers = new Int32Array(UIDS);
  #wideUids = 0;
  /** By number among those with a key: which raw UID it is, and where its first-level hash stands. */
  readonly #keyedUids = new Int32Array(UIDS);
  readonly #keyedFlhs = new Int32Array(UIDS);
  #keyed = 0;

  constructor(lanes: (bytes: number) => Lanes = createLanes) {
    this.#lanes = lanes(layout(0).end);
    this.#at = layout(this.#lanes.start);
    this.#words = new Int32Array(this.#lanes.memory.buffer, 0, this.#lanes.memory.length >> 2);
  }

  get memory(): Uint8Array {
    return this.#lanes.memory;
  }

  /**
   * Maps `texts` from `from` to `to` (exclusive), at most 256; position 0 of the results is `from`.
   * @throws VerificationError SALT_ENTRY_UNUSABLE
   */
  map(world: IdentityBatchWorld, kind: DiiKind, texts: readonly string[], from: number, to: number): void {
    const type = kind === 'email' || kind === 'email_hash' ? 'email' : 'phone';
    this.#setFirstLevelSalt(world.salts.firstLevelSalt);
    this.#hashIdentities(world.salts, kind, texts, from, to);
    this.#makeMessages(world, type);
    this.#hashMessages();
    for (let position = 0; position < to - from; position += 1) this.#locateTexts(position);
  }

  /** Puts the salt behind the 44 letters of every message for a first-level hash, and the padding behind it. */
  #setFirstLevelSalt(firstLevelSalt: string): void {
    if (firstLevelSalt === this.#firstLevelSalt) return;
    this.#firstLevelSalt = firstLevelSalt;
    const salt = Buffer.from(firstLevelSalt, 'utf8');
    this.#flhBlocks = salt.length > FLH_SALT_LIMIT ? 0 : Math.ceil((TEXT + salt.length + 9) / BLOCK);
    if (this.#flhBlocks === 0) return;
    const { memory } = this.#lanes;
    for (let slot = 0; slot < CAPACITY; slot += 1) {
      const message = this.#at.flhMessages + slot * FLH_MESSAGE;
      memory.fill(0, message, message + FLH_MESSAGE);
      memory.set(salt, message + TEXT);
      pad(memory, message, TEXT + salt.length, this.#flhBlocks);
    }
  }

  /** Normalises and hashes the identities and leaves their first-level hashes in the lanes. */
  #hashIdentities(salts: SaltSnapshot, kind: DiiKind, texts: readonly string[], from: number, to: number): void {
    const { memory } = this.#lanes;
    const { identities, identityDigests, flhMessages, flhs } = this.#at;
    this.#slots = 0;
    let unusual: { readonly slot: number; readonly hash: Uint8Array }[] | undefined;
    for (let position = 0; position < to - from; position += 1) {
      const text = texts[from + position] ?? '';
      const slot = this.#slots;
      const length = kind === 'email' ? this.#writeEmail(text, identities + slot * BLOCK) : -1;
      if (length < 0) {
        const identity = hashDii(kind, text);
        if (identity === undefined) {
          this.outcomes[position] = INVALID;
          continue;
        }
        unusual ??= [];
        unusual.push({ slot, hash: identity.hash });
      }
      this.outcomes[position] = MAPPED;
      this.#positions[slot] = position;
      this.#slots += 1;
    }
    if (unusual === undefined || unusual.length < this.#slots) {
      this.#lanes.sha256(identities, BLOCK, 1, identityDigests, this.#slots);
      this.#lanes.base64Of32(identityDigests, DIGEST, flhMessages, FLH_MESSAGE, this.#slots);
    }
    for (const { slot, hash } of unusual ?? []) {
      // 31 and 33 bytes, which callers may send, have 44 letters too.
      writeAscii(toBase64(hash), memory, flhMessages + slot * FLH_MESSAGE);
    }
    if (this.#flhBlocks > 0) {
      this.#lanes.sha256(flhMessages, FLH_MESSAGE, this.#flhBlocks, flhs, this.#slots);
      return;
    }
    for (let slot = 0; slot < this.#slots; slot += 1) {
      const message = flhMessages + slot * FLH_MESSAGE;
      const hash = Buffer.from(Buffer.from(memory.buffer, message, TEXT).toString('latin1'), 'base64');
      memory.set(firstLevelHash(hash, salts.firstLevelSalt), flhs + slot * DIGEST);
    }
  }

  /** Writes a plain address and its padding as a message of one block. */
  #writeEmail(text: string, message: number): number {
    for (let word = message >> 2; word < (message + BLOCK) >> 2; word += 1) this.#words[word] = 0;
    const length = writePlainEmail(text, this.#lanes.memory, message, IDENTITY_LIMIT);
    if (length >= 0) pad(this.#lanes.memory, message, length, 1);
    return length;
  }

  /** Decides about every first-level hash, and makes the messages whose digests are, or lead to, raw UIDs. */
  #makeMessages(world: IdentityBatchWorld, type: IdentityType): void {
    const { salts, withPrevious, nowMs, isOptedOut } = world;
    const { table } = salts;
    const options = world[type];
    const { memory } = this.#lanes;
    const { flhs, flhTexts } = this.#at;
    this.#uids = 0;
    this.#wideUids = 0;
    this.#keyed = 0;
    this.#lanes.base64Of32(flhs, DIGEST, flhTexts, TEXT, this.#slots);
    for (let slot = 0; slot < this.#slots; slot += 1) {
      const position = this.#positions[slot] ?? 0;
      const flh = flhs + slot * DIGEST;
      if (isOptedOut(memory, flh, type)) {
        this.outcomes[position] = OPTED_OUT;
        continue;
      }
      const index = table.indexOf(memory, flh);
      this.bucketIndexes[position] = index;
      this.refreshFromMs[position] = refreshFrom(table, index, nowMs);
      this.#addCurrent(position, slot, table, index, options);
      this.previousTexts[position] = 0;
      if (withPrevious) this.#addPrevious(position, slot, table, index, options, nowMs);
    }
  }

  #addCurrent(position: number, slot: number, table: SaltTable, index: number, options: RawUidOptions): void {
    const loaded = table.isLoaded(index);
    const keyed = loaded && table.textLength(index, CURRENT_SALT) === 0;
    const added = loaded && this.#add(slot, table, index, keyed, keyed ? CURRENT_KEY : CURRENT_SALT, options);
    this.versions[position] = keyed ? 4 : options.identityV3 ? 3 : 2;
    this.rawUidTexts[position] = this.#uids - 1;
    if (!added) this.rawUidTexts[position] = this.#addFinished(rawUid(table, index, this.#flh(slot), options));
  }

  #addPrevious(
    position: number,
    slot: number,
    table: SaltTable,
    index: number,
    options: RawUidOptions,
    nowMs: number,
  ): void {
    if (!previousIsDue(table, index, nowMs)) return;
    const keyed = table.textLength(index, PREVIOUS_SALT) === 0;
    if (keyed && table.textLength(index, PREVIOUS_KEY + 1) === 0) return;
    if (this.#add(slot, table, index, keyed, keyed ? PREVIOUS_KEY : PREVIOUS_SALT, options)) {
      this.previousTexts[position] = this.#uids;
      return;
    }
    const uid = previousRawUid(table, index, this.#flh(slot), options, nowMs);
    if (uid !== undefined) this.previousTexts[position] = this.#addFinished(uid) + 1;
  }
}

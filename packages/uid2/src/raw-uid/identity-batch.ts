import { Buffer } from 'node:buffer';

import { toBase64 } from '@holdfast/base';

import { firstLevelHash, hashDii } from '../identity/identity-hash.ts';
import type { DiiKind, IdentityType } from '../identity/identity.ts';
import { writePlainEmail } from '../identity/plain-email.ts';
import { Areas, padMessage } from '../lanes/areas.ts';
import { createLanes, type Lanes } from '../lanes/lanes.ts';
import type { SaltSnapshot } from '../salts/salt-snapshot.ts';
import { CURRENT_KEY, CURRENT_SALT, PREVIOUS_KEY, PREVIOUS_SALT, type SaltTable } from '../salts/salt-table.ts';
import { DIGEST_LENGTH, RawUidLanes, TEXT_LENGTH } from './raw-uid-lanes.ts';
import { previousIsDue, previousRawUid, rawUid, refreshFrom, type RawUid, type RawUidOptions } from './raw-uid.ts';

/** What batches are mapped against. */
export interface IdentityBatchWorld {
  readonly salts: SaltSnapshot;
  readonly email: RawUidOptions;
  readonly phone: RawUidOptions;
  /** Whether previous raw UIDs are wanted. */
  readonly withPrevious: boolean;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** Whether the identity with the first-level hash at `offset` counts as opted out. */
  readonly isOptedOut: (bytes: Uint8Array, offset: number, type: IdentityType) => boolean;
}

/** What became of an identity. */
export const MAPPED = 0;
export const INVALID = 1;
export const OPTED_OUT = 2;

/** Most identities of one batch. */
export const IDENTITY_BATCH_CAPACITY = 256;

const CAPACITY = IDENTITY_BATCH_CAPACITY;
const BLOCK = 64;
/** What fits into a message of one block. */
const IDENTITY_LIMIT = 55;
/** Room for the longest first-level salt that is hashed in lanes. */
const FLH_MESSAGE = 256;
const FLH_SALT_LIMIT = FLH_MESSAGE - TEXT_LENGTH - 9;
/** What one identity, with its current and previous raw UID, takes of the lanes' memory, rounded up. */
const BYTES_PER_IDENTITY = 1280;

/**
 * Maps up to 256 identities of one kind at a time, stage by stage, and gives the same raw UIDs as `hashDii`,
 * `firstLevelHash`, `rawUid` and `previousRawUid` do one by one. What is usual goes through lanes; what is not (texts
 * outside ASCII, salts of odd lengths) goes through those functions.
 *
 * An instance is a workplace for one batch after the other: results are valid until the next `map`.
 */
export class IdentityBatch {
  /** By position in the batch: MAPPED, INVALID or OPTED_OUT. All other results are for mapped identities. */
  readonly outcomes: Uint8Array = new Uint8Array(CAPACITY);
  /** Version of the raw UID: 2, 3 or 4. */
  readonly versions: Uint8Array = new Uint8Array(CAPACITY);
  /** Where in `memory` the 44 Base64 letters of the raw UID stand. */
  readonly rawUidTexts: Int32Array = new Int32Array(CAPACITY);
  /** The same for the previous raw UID; 0 when there is none. */
  readonly previousTexts: Int32Array = new Int32Array(CAPACITY);
  /** For `SaltTable.bucketId`. */
  readonly bucketIndexes: Int32Array = new Int32Array(CAPACITY);
  /** Milliseconds since the epoch. */
  readonly refreshFromMs: Float64Array = new Float64Array(CAPACITY);
  /** All of `memory`. */
  readonly view: DataView;

  readonly #lanes: Lanes;
  /** The same memory in pieces of eight bytes, for wiping. */
  readonly #doubles: Float64Array;
  readonly #rawUids: RawUidLanes;
  readonly #identities: number;
  readonly #identityDigests: number;
  readonly #flhMessages: number;
  readonly #flhs: number;
  readonly #flhTexts: number;
  readonly #finishedTexts: number;
  /** The first-level salt that stands in the messages, and how many blocks they have with it; 0 when it is too long. */
  #firstLevelSalt: string | undefined;
  #flhBlocks = 0;
  /** Valid identities, which are in the lanes without gaps, and their positions. */
  #slots = 0;
  readonly #positions = new Int32Array(CAPACITY);
  /** By identity in the lanes: its bucket. */
  readonly #indexes = new Int32Array(CAPACITY);
  /** Takes what reading ahead gives, so that it cannot be left out as useless. */
  readonly #warmth = new Float64Array(1);
  /** Raw UIDs that were made outside the lanes. */
  #finished = 0;

  constructor(createMemory: (bytes: number) => Lanes = createLanes) {
    this.#lanes = createMemory(CAPACITY * BYTES_PER_IDENTITY);
    this.view = new DataView(this.#lanes.memory.buffer);
    this.#doubles = new Float64Array(this.#lanes.memory.buffer, 0, this.#lanes.memory.length >> 3);
    const areas = new Areas(this.#lanes);
    this.#identities = areas.take(CAPACITY, BLOCK);
    this.#identityDigests = areas.take(CAPACITY, DIGEST_LENGTH);
    this.#flhMessages = areas.take(CAPACITY, FLH_MESSAGE);
    this.#flhs = areas.take(CAPACITY, DIGEST_LENGTH);
    this.#flhTexts = areas.take(CAPACITY, TEXT_LENGTH);
    this.#finishedTexts = areas.take(CAPACITY * 2, TEXT_LENGTH);
    this.#rawUids = new RawUidLanes(this.#lanes, areas, CAPACITY * 2);
  }

  get memory(): Uint8Array {
    return this.#lanes.memory;
  }

  /**
   * Maps `texts` from `from` to `to` (exclusive), at most 256 of them. Position 0 of the results is that of `from`.
   * @throws VerificationError SALT_ENTRY_UNUSABLE
   */
  map(world: IdentityBatchWorld, kind: DiiKind, texts: readonly string[], from: number, to: number): void {
    this.#setFirstLevelSalt(world.salts.firstLevelSalt);
    this.#readIdentities(kind, texts, from, to);
    if (this.#slots === 0) return;
    this.#hashFirstLevel(world.salts.firstLevelSalt);
    this.#chooseMaterial(world, kind === 'email' || kind === 'email_hash' ? 'email' : 'phone');
    this.#rawUids.run();
  }

  /** Puts the salt behind the 44 letters of every message for a first-level hash, and padding behind it. */
  #setFirstLevelSalt(firstLevelSalt: string): void {
    if (firstLevelSalt === this.#firstLevelSalt) return;
    this.#firstLevelSalt = firstLevelSalt;
    const salt = Buffer.from(firstLevelSalt, 'utf8');
    this.#flhBlocks = salt.length > FLH_SALT_LIMIT ? 0 : Math.ceil((TEXT_LENGTH + salt.length + 9) / BLOCK);
    if (this.#flhBlocks === 0) return;
    for (let slot = 0; slot < CAPACITY; slot += 1) {
      const message = this.#flhMessages + slot * FLH_MESSAGE;
      this.memory.set(salt, message + TEXT_LENGTH);
      padMessage(this.memory, message, TEXT_LENGTH + salt.length, this.#flhBlocks);
    }
  }

  /** Leaves the Base64 text of every valid identity's hash in the messages for first-level hashes. */
  #readIdentities(kind: DiiKind, texts: readonly string[], from: number, to: number): void {
    let unusual: { readonly slot: number; readonly hash: Uint8Array }[] | undefined;
    let slot = 0;
    for (let position = 0; position < to - from; position += 1) {
      const text = texts[from + position] ?? '';
      if (kind !== 'email' || !this.#writeEmail(text, slot)) {
        const identity = hashDii(kind, text);
        if (identity === undefined) {
          this.outcomes[position] = INVALID;
          continue;
        }
        unusual ??= [];
        unusual.push({ slot, hash: identity.hash });
      }
      this.#positions[slot] = position;
      slot += 1;
    }
    this.#slots = slot;
    if (slot > (unusual?.length ?? 0)) {
      this.#lanes.sha256(this.#identities, BLOCK, 1, this.#identityDigests, slot);
      this.#lanes.base64Of32(this.#identityDigests, DIGEST_LENGTH, this.#flhMessages, FLH_MESSAGE, slot);
    }
    // Hashes of 31 and 33 bytes, which callers may send, have 44 letters too.
    for (const { slot, hash } of unusual ?? []) this.#writeText(toBase64(hash), this.#flhMessages + slot * FLH_MESSAGE);
  }

  /** Writes a plain address as a message of one block; false when it is not plain. */
  #writeEmail(text: string, slot: number): boolean {
    const message = this.#identities + slot * BLOCK;
    for (let word = message >> 3; word < (message + BLOCK) >> 3; word += 1) this.#doubles[word] = 0;
    const length = writePlainEmail(text, this.memory, message, IDENTITY_LIMIT);
    if (length < 0) return false;
    this.memory[message + length] = 0x80;
    this.memory[message + BLOCK - 2] = length >> 5;
    this.memory[message + BLOCK - 1] = length << 3;
    return true;
  }

  #hashFirstLevel(firstLevelSalt: string): void {
    const [messages, flhs] = [this.#flhMessages, this.#flhs];
    if (this.#flhBlocks > 0) {
      this.#lanes.sha256(messages, FLH_MESSAGE, this.#flhBlocks, flhs, this.#slots);
    } else {
      for (let slot = 0; slot < this.#slots; slot += 1) {
        const text = Buffer.from(this.memory.buffer, messages + slot * FLH_MESSAGE, TEXT_LENGTH).toString('latin1');
        this.memory.set(firstLevelHash(Buffer.from(text, 'base64'), firstLevelSalt), flhs + slot * DIGEST_LENGTH);
      }
    }
    this.#lanes.base64Of32(flhs, DIGEST_LENGTH, this.#flhTexts, TEXT_LENGTH, this.#slots);
  }

  /** Leaves out who opted out and puts everybody else's material into the lanes for raw UIDs. */
  #chooseMaterial(world: IdentityBatchWorld, type: IdentityType): void {
    const { table } = world.salts;
    const options = world[type];
    this.#rawUids.clear();
    this.#finished = 0;
    for (let slot = 0; slot < this.#slots; slot += 1) {
      this.#indexes[slot] = table.indexOf(this.memory, this.#flhs + slot * DIGEST_LENGTH);
    }
    this.#warmth[0] = table.warm(this.#indexes, this.#slots);
    for (let slot = 0; slot < this.#slots; slot += 1) {
      const position = this.#positions[slot] ?? 0;
      if (world.isOptedOut(this.memory, this.#flhs + slot * DIGEST_LENGTH, type)) {
        this.outcomes[position] = OPTED_OUT;
        continue;
      }
      const index = this.#indexes[slot] ?? 0;
      const keyed = table.textLength(index, CURRENT_SALT) === 0;
      this.outcomes[position] = MAPPED;
      this.versions[position] = keyed ? 4 : options.identityV3 ? 3 : 2;
      this.bucketIndexes[position] = index;
      this.refreshFromMs[position] = refreshFrom(table, index, world.nowMs);
      this.rawUidTexts[position] =
        this.#add(slot, table, index, keyed ? CURRENT_KEY : CURRENT_SALT, options) ||
        this.#finish(rawUid(table, index, this.#flhOf(slot), options));
      this.previousTexts[position] = world.withPrevious ? this.#addPrevious(slot, index, world, options) : 0;
    }
  }

  #addPrevious(slot: number, index: number, world: IdentityBatchWorld, options: RawUidOptions): number {
    const { table } = world.salts;
    if (!previousIsDue(table, index, world.nowMs)) return 0;
    const keyed = table.textLength(index, PREVIOUS_SALT) === 0;
    if (keyed && table.textLength(index, PREVIOUS_KEY) === 0) return 0;
    const text = this.#add(slot, table, index, keyed ? PREVIOUS_KEY : PREVIOUS_SALT, options);
    if (text !== 0) return text;
    const uid = previousRawUid(table, index, this.#flhOf(slot), options, world.nowMs);
    return uid === undefined ? 0 : this.#finish(uid);
  }

  #add(
    slot: number,
    table: SaltTable,
    index: number,
    column: Parameters<RawUidLanes['add']>[4],
    options: RawUidOptions,
  ): number {
    const flhText = this.#flhTexts + slot * TEXT_LENGTH;
    return this.#rawUids.add(this.#flhs + slot * DIGEST_LENGTH, flhText, table, index, column, options);
  }

  /** Puts a raw UID that was made outside the lanes where texts are looked for; answers the address. */
  #finish(uid: RawUid): number {
    const address = this.#finishedTexts + this.#finished * TEXT_LENGTH;
    this.#finished += 1;
    this.#writeText(toBase64(uid), address);
    return address;
  }

  #flhOf(slot: number): Uint8Array {
    const flh = this.#flhs + slot * DIGEST_LENGTH;
    return this.memory.slice(flh, flh + DIGEST_LENGTH);
  }

  #writeText(text: string, address: number): void {
    for (let i = 0; i < TEXT_LENGTH; i += 1) this.memory[address + i] = text.charCodeAt(i);
  }
}

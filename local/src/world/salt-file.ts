import { Buffer } from 'node:buffer';

import type { RandomBytes } from '@holdfast/base';

const DAY_MS = 86_400_000;
const ROTATION_DAYS = 30;
const PREVIOUS_SALT_DAYS = 90;
/** Salts were last changed up to this many days ago, as after a year of daily rotation. */
const AGE_DAYS = 365;
const FIRST_ID = 1_000_000;
const SALT_BYTES = 32;
const SALT_CHARS = 44;
/** 33 random bytes become 44 characters without padding; the 33rd is zero and its character is replaced by the padding. */
const SLOT_BYTES = 33;
const CHUNK_SLOTS = 16_384;

const COMMA = 0x2c;
const EQUALS = 0x3d;
const LINE_FEED = 0x0a;
/** The empty columns of key material, which salts of this world do not use. */
const EMPTY_COLUMNS = 6;

/**
 * A salt file of `count` lines (at most 8,999,999) as after a year of rotation, in the eleven-column format of UID2 Core:
 * `id,lastUpdated,salt,refreshFrom,previousSalt,,,,,,`. Made in bulk, a million lines take about a second.
 * @param today Start of a UTC day, milliseconds since the epoch.
 */
export function createSaltFile(count: number, today: number, randomBytes: RandomBytes): Uint8Array {
  const ages = randomAges(count, randomBytes);
  const columns = ageColumns(today);
  const salts = new SaltTexts(randomBytes);
  const line = FIRST_ID_LENGTH + 1 + 13 + 1 + SALT_CHARS + 1 + 13 + 1 + SALT_CHARS + EMPTY_COLUMNS + 1;
  const file = Buffer.allocUnsafe(count * line);
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    const age = ages[index] ?? 0;
    at = writeId(file, at, FIRST_ID + index);
    file[at++] = COMMA;
    at = append(file, at, columns.lastUpdated[age]);
    file[at++] = COMMA;
    at = salts.appendTo(file, at);
    file[at++] = COMMA;
    at = append(file, at, columns.refreshFrom[age]);
    file[at++] = COMMA;
    if (age < PREVIOUS_SALT_DAYS) at = salts.appendTo(file, at);
    for (let column = 0; column < EMPTY_COLUMNS; column += 1) file[at++] = COMMA;
    file[at++] = LINE_FEED;
  }
  return file.subarray(0, at);
}

const FIRST_ID_LENGTH = String(FIRST_ID).length;

function randomAges(count: number, randomBytes: RandomBytes): Uint16Array {
  const random = randomBytes(count * 2);
  const ages = new Uint16Array(count);
  for (let index = 0; index < count; index += 1) {
    ages[index] = (((random[index * 2] ?? 0) << 8) | (random[index * 2 + 1] ?? 0)) % AGE_DAYS;
  }
  return ages;
}

/** Time columns by age in days, as bytes: last updated (plus 1 ms, as the reference writes it) and refresh-from. */
function ageColumns(today: number): { lastUpdated: Buffer[]; refreshFrom: Buffer[] } {
  const lastUpdated: Buffer[] = [];
  const refreshFrom: Buffer[] = [];
  for (let age = 0; age < AGE_DAYS; age += 1) {
    const day = today - age * DAY_MS;
    lastUpdated.push(Buffer.from(String(day + 1)));
    refreshFrom.push(Buffer.from(String(day + (Math.floor(age / ROTATION_DAYS) + 1) * ROTATION_DAYS * DAY_MS)));
  }
  return { lastUpdated, refreshFrom };
}

function writeId(file: Uint8Array, at: number, id: number): number {
  let rest = id;
  for (let digit = FIRST_ID_LENGTH - 1; digit >= 0; digit -= 1) {
    file[at + digit] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return at + FIRST_ID_LENGTH;
}

function append(file: Uint8Array, at: number, bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return at;
  for (let index = 0; index < bytes.length; index += 1) file[at + index] = bytes[index] ?? 0;
  return at + bytes.length;
}

/** Base64 texts of 32 random bytes each, encoded thousands at a time. */
class SaltTexts {
  readonly #randomBytes: RandomBytes;
  #texts: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(randomBytes: RandomBytes) {
    this.#randomBytes = randomBytes;
  }

  appendTo(file: Uint8Array, at: number): number {
    if (this.#at === this.#texts.length) this.#refill();
    const texts = this.#texts;
    const from = this.#at;
    for (let index = 0; index < SALT_CHARS; index += 1) file[at + index] = texts[from + index] ?? 0;
    this.#at = from + SALT_CHARS;
    return at + SALT_CHARS;
  }

  #refill(): void {
    const random = Buffer.from(this.#randomBytes(CHUNK_SLOTS * SLOT_BYTES));
    for (let slot = 0; slot < CHUNK_SLOTS; slot += 1) random[slot * SLOT_BYTES + SALT_BYTES] = 0;
    const texts = Buffer.from(random.toString('base64'), 'latin1');
    for (let slot = 1; slot <= CHUNK_SLOTS; slot += 1) texts[slot * SALT_CHARS - 1] = EQUALS;
    this.#texts = texts;
    this.#at = 0;
  }
}

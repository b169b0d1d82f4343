import { createCipheriv } from 'node:crypto';
import type { Cipheriv, KeyObject } from 'node:crypto';

import { pooledBytes, releaseBytes, VerificationError } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { instantiate } from '../wasm/instantiate.ts';
import { decryptGcm, encryptGcm, GCM_IV_SIZE, GCM_OVERHEAD, GCM_TAG_SIZE } from './gcm.ts';
import { gcmFunctions, GHASH_TABLE_SIZE, ghashTable } from './gcm-program.ts';
import { BLOCK_SIZE, encryptCounters, KeyStreams, LONGEST } from './key-streams.ts';

const KEY_SIZE = 32;

/** In the memory of the programs. */
const LAYOUT = {
  table: 0,
  difference: GHASH_TABLE_SIZE,
  stream: GHASH_TABLE_SIZE + BLOCK_SIZE,
  text: GHASH_TABLE_SIZE + 2 * BLOCK_SIZE + LONGEST,
};
const MEMORY_PAGES = 1;

interface Programs {
  readonly memory: Uint8Array;
  /** As `gcmFunctions` says. */
  readonly seal: (length: number) => void;
  readonly open: (length: number) => void;
  readonly difference: Uint32Array;
  /** The text and its tag, by their length together. */
  readonly texts: Uint8Array[];
}

/** What is prepared once for every key. */
interface StandingKey {
  /** AES-256 of whole blocks. It keeps nothing from one call to the next. */
  readonly aes: Cipheriv;
  /** Of the encrypted zero block. */
  readonly table: Uint8Array;
  readonly streams: KeyStreams;
}

/** Made at the first call. */
let made: { readonly programs: Programs | undefined } | undefined;

const standingKeys = new WeakMap<KeyObject, StandingKey>();

/**
 * `encryptGcm` in place and for a key that stays, such as a token key or a client's secret: the same bytes for the same IV, in a fraction
 * of the time for short messages. Nearly all of the cost of a message in `node:crypto` is making objects, so here one AES object stays
 * with the key and encrypts counter blocks, of several messages at once if the randomness allows it, and GHASH runs in WebAssembly, in
 * constant time. From `at` on, `bytes` has room for the IV, then `length` bytes of plaintext, which become ciphertext, then room for the
 * tag.
 * @throws InternalError CIPHER_KEY_LENGTH_INVALID when the key has no AES length
 * @see NIST SP 800-38D, section 7.1
 */
export function sealStanding(
  key: KeyObject,
  bytes: Uint8Array,
  at: number,
  length: number,
  randomBytes: RandomBytes,
): void {
  const start = at + GCM_IV_SIZE;
  const text = bytes.subarray(start, start + length);
  const { programs } = (made ??= { programs: createPrograms() });
  const standing = standingKey(key);
  if (programs === undefined || standing === undefined || length > LONGEST) {
    const sealed = encryptGcm(key, text, randomBytes);
    bytes.set(sealed, at);
    releaseBytes(sealed);
    return;
  }
  const { memory } = programs;
  const blocks = Math.ceil(length / BLOCK_SIZE);
  standing.streams.take(blocks, randomBytes, bytes, at, memory, LAYOUT.stream);
  memory.set(standing.table, LAYOUT.table);
  memory.set(text, LAYOUT.text);
  programs.seal(length);
  bytes.set(textOf(programs, length + GCM_TAG_SIZE), start);
}

/**
 * `decryptGcm` for a key that stays; see `sealStanding`.
 * @throws MalformedError CIPHER_MESSAGE_TRUNCATED when there is no room for IV and tag
 * @throws VerificationError CIPHER_AUTHENTICATION_FAILED for another key or any changed byte
 * @throws InternalError CIPHER_KEY_LENGTH_INVALID when the key has no AES length
 */
export function decryptStanding(key: KeyObject, sealed: Uint8Array): Uint8Array {
  const length = sealed.length - GCM_OVERHEAD;
  const { programs } = (made ??= { programs: createPrograms() });
  const standing = standingKey(key);
  if (programs === undefined || standing === undefined || length < 0 || length > LONGEST)
    return decryptGcm(key, sealed);
  const { memory, difference } = programs;
  const blocks = Math.ceil(length / BLOCK_SIZE);
  memory.set(encryptCounters(standing.aes, sealed.subarray(0, GCM_IV_SIZE), blocks), LAYOUT.stream);
  memory.set(standing.table, LAYOUT.table);
  memory.set(sealed.subarray(GCM_IV_SIZE), LAYOUT.text);
  programs.open(length);
  let different = 0;
  for (let word = 0; word < difference.length; word += 1) different |= difference[word] ?? 0;
  if (different !== 0) {
    throw new VerificationError('CIPHER_AUTHENTICATION_FAILED', 'the authentication tag does not fit');
  }
  const plaintext = pooledBytes(length);
  plaintext.set(textOf(programs, length), 0);
  return plaintext;
}

/** The first bytes of the text. Views are kept: making one takes as long as encrypting a block. */
function textOf({ memory, texts }: Programs, length: number): Uint8Array {
  return (texts[length] ??= memory.subarray(LAYOUT.text, LAYOUT.text + length));
}

/** Undefined for a key of another length. Asking a key for its length costs as much as hashing a block, so that is done once. */
function standingKey(key: KeyObject): StandingKey | undefined {
  let standing = standingKeys.get(key);
  if (standing === undefined) {
    if (key.symmetricKeySize !== KEY_SIZE) return undefined;
    const aes = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    const table = ghashTable(aes.update(new Uint8Array(BLOCK_SIZE)));
    standing = { aes, table, streams: new KeyStreams(aes) };
    standingKeys.set(key, standing);
  }
  return standing;
}

function createPrograms(): Programs | undefined {
  const exports = instantiate<Pick<Programs, 'seal' | 'open'>>(gcmFunctions(LAYOUT), MEMORY_PAGES);
  if (exports === undefined) return undefined;
  const { buffer } = exports.memory;
  const { seal, open } = exports;
  const difference = new Uint32Array(buffer, LAYOUT.difference, BLOCK_SIZE / 4);
  return { memory: new Uint8Array(buffer), seal, open, difference, texts: [] };
}

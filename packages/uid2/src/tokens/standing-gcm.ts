import { createCipheriv } from 'node:crypto';
import type { Cipheriv, KeyObject } from 'node:crypto';

import { equalSecretBytes, pooledBytes, releaseBytes, VerificationError } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { instantiate } from '../wasm/instantiate.ts';
import { decryptGcm, encryptGcm, GCM_IV_SIZE, GCM_OVERHEAD } from './gcm.ts';
import { GHASH_TABLE_SIZE, ghashFunction, ghashTable, xorFunction } from './ghash-program.ts';
import { BLOCK_SIZE, encryptCounters, KeyStreams, LONGEST } from './key-streams.ts';

const KEY_SIZE = 32;

// Where things lie in the memory of the program.
const TABLE = 0;
const SUM = TABLE + GHASH_TABLE_SIZE;
const TEXT = SUM + BLOCK_SIZE;
const STREAM = TEXT + LONGEST + BLOCK_SIZE;
const MEMORY_PAGES = 1;

interface Program {
  readonly memory: Uint8Array;
  readonly xor: (texts: number, stream: number, count: number) => void;
  readonly ghash: (table: number, sum: number, blocks: number, count: number) => void;
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
let made: { readonly program: Program | undefined } | undefined;

const standingKeys = new WeakMap<KeyObject, StandingKey>();

/**
 * `encryptGcm` for a key that stays, such as a token key or a client's secret: the same bytes for the same IV, in a fraction of the
 * time for short messages. Nearly all of the cost of a message in `node:crypto` is making objects, so here one AES object stays
 * with the key and encrypts counter blocks, of several messages at once if the randomness allows it, and GHASH runs in WebAssembly, in
 * constant time.
 * @throws InternalError CIPHER_KEY_LENGTH_INVALID when the key has no AES length
 * @see NIST SP 800-38D, section 7.1
 */
export function encryptStanding(key: KeyObject, plaintext: Uint8Array, randomBytes: RandomBytes): Uint8Array {
  const sealed = pooledBytes(GCM_OVERHEAD + plaintext.length);
  sealed.set(plaintext, GCM_IV_SIZE);
  sealStanding(key, sealed, 0, plaintext.length, randomBytes);
  return sealed;
}

/**
 * `encryptStanding` in place. From `at` on, `bytes` has room for the IV, then `length` bytes of plaintext, which become ciphertext, then
 * room for the tag.
 * @throws InternalError CIPHER_KEY_LENGTH_INVALID when the key has no AES length
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
  const { program } = (made ??= { program: createProgram() });
  const standing = standingKey(key);
  if (program === undefined || standing === undefined || length > LONGEST) {
    const sealed = encryptGcm(key, text, randomBytes);
    bytes.set(sealed, at);
    releaseBytes(sealed);
    return;
  }
  const { memory } = program;
  const blocks = Math.ceil(length / BLOCK_SIZE);
  standing.streams.take(blocks, randomBytes, bytes, at, memory, STREAM);
  memory.set(text, TEXT);
  if (blocks > 0) program.xor(TEXT, STREAM + BLOCK_SIZE, blocks);
  computeTag(program, standing, length, blocks);
  bytes.set(memory.subarray(TEXT, TEXT + length), start);
  for (let i = 0; i < BLOCK_SIZE; i += 1) bytes[start + length + i] = memory[SUM + i] ?? 0;
}

/**
 * `decryptGcm` for a key that stays; see `encryptStanding`.
 * @throws MalformedError CIPHER_MESSAGE_TRUNCATED when there is no room for IV and tag
 * @throws VerificationError CIPHER_AUTHENTICATION_FAILED for another key or any changed byte
 * @throws InternalError CIPHER_KEY_LENGTH_INVALID when the key has no AES length
 */
export function decryptStanding(key: KeyObject, sealed: Uint8Array): Uint8Array {
  const length = sealed.length - GCM_OVERHEAD;
  const { program } = (made ??= { program: createProgram() });
  const standing = standingKey(key);
  if (program === undefined || standing === undefined || length < 0 || length > LONGEST) return decryptGcm(key, sealed);
  const tagAt = GCM_IV_SIZE + length;
  const { memory } = program;
  const blocks = Math.ceil(length / BLOCK_SIZE);
  memory.set(encryptCounters(standing.aes, sealed.subarray(0, GCM_IV_SIZE), blocks), STREAM);
  memory.set(sealed.subarray(GCM_IV_SIZE, tagAt), TEXT);
  computeTag(program, standing, length, blocks);
  if (!equalSecretBytes(memory.subarray(SUM, SUM + BLOCK_SIZE), sealed.subarray(tagAt))) {
    throw new VerificationError('CIPHER_AUTHENTICATION_FAILED', 'the authentication tag does not fit');
  }
  if (blocks > 0) program.xor(TEXT, STREAM + BLOCK_SIZE, blocks);
  const plaintext = pooledBytes(length);
  plaintext.set(memory.subarray(TEXT, TEXT + length), 0);
  return plaintext;
}

/** Puts the tag of the ciphertext at `TEXT` to `SUM`: the hash of it, of zeros up to a whole block, and of its length in bits. */
function computeTag({ memory, ghash, xor }: Program, { table }: StandingKey, length: number, blocks: number): void {
  const end = TEXT + blocks * BLOCK_SIZE + BLOCK_SIZE;
  for (let at = TEXT + length; at < end; at += 1) memory[at] = 0;
  memory[end - 2] = length >> 5;
  memory[end - 1] = length << 3;
  memory.set(table, TABLE);
  for (let at = SUM; at < SUM + BLOCK_SIZE; at += 1) memory[at] = 0;
  ghash(TABLE, SUM, TEXT, blocks + 1);
  xor(SUM, STREAM, 1);
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

function createProgram(): Program | undefined {
  const exports = instantiate<Omit<Program, 'memory'>>([ghashFunction(), xorFunction()], MEMORY_PAGES);
  return exports === undefined ? undefined : { ...exports, memory: new Uint8Array(exports.memory.buffer) };
}

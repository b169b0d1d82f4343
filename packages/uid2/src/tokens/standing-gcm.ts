import { createCipheriv } from 'node:crypto';
import type { Cipheriv, KeyObject } from 'node:crypto';

import { equalSecretBytes, pooledBytes, VerificationError } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { instantiate } from '../wasm/instantiate.ts';
import { decryptGcm, encryptGcm, GCM_OVERHEAD } from './gcm.ts';
import { ghashFunction, xorFunction } from './ghash-program.ts';

const KEY_SIZE = 32;
const IV_SIZE = 12;
const BLOCK_SIZE = 16;

/** Longer messages go through one cipher object of their own, whose making they are long enough to pay for. */
const LONGEST = 512;

// Where things lie in the memory of the program.
const HASH_KEY = 0;
const SUM = HASH_KEY + BLOCK_SIZE;
const TEXT = SUM + BLOCK_SIZE;
const STREAM = TEXT + LONGEST + BLOCK_SIZE;
const MEMORY_PAGES = 1;

interface Program {
  readonly memory: Uint8Array;
  readonly xor: (texts: number, stream: number, count: number) => void;
  readonly ghash: (key: number, sum: number, blocks: number, count: number) => void;
}

/** What is prepared once for every key. */
interface StandingKey {
  /** AES-256 of whole blocks. It keeps nothing from one call to the next. */
  readonly blocks: Cipheriv;
  /** The encrypted zero block. */
  readonly hashKey: Uint8Array;
}

/** Made at the first call. */
let made: { readonly program: Program | undefined } | undefined;

const standingKeys = new WeakMap<KeyObject, StandingKey>();

/** The blocks that make a key stream: IV and counter, from 1 on. */
const counters = createCounters();
const counterWords = new Uint32Array(counters.buffer);

/**
 * `encryptGcm` for a key that stays, such as a token key or a client's secret: the same bytes for the same IV, in a third of the
 * time for short messages. Nearly all of the cost of a message in `node:crypto` is making objects, so here one AES object stays
 * with the key and encrypts counter blocks, and GHASH runs in WebAssembly, in constant time.
 * @throws InternalError CIPHER_KEY_LENGTH_INVALID when the key has no AES length
 * @see NIST SP 800-38D, section 7.1
 */
export function encryptStanding(key: KeyObject, plaintext: Uint8Array, randomBytes: RandomBytes): Uint8Array {
  const { length } = plaintext;
  const { program } = (made ??= { program: createProgram() });
  if (program === undefined || length > LONGEST || key.symmetricKeySize !== KEY_SIZE) {
    return encryptGcm(key, plaintext, randomBytes);
  }
  const standing = standingKey(key);
  const iv = randomBytes(IV_SIZE);
  const blocks = loadKeyStream(program, standing, iv, length);
  const { memory } = program;
  memory.set(plaintext, TEXT);
  if (blocks > 0) program.xor(TEXT, STREAM + BLOCK_SIZE, blocks);
  computeTag(program, standing, length, blocks);
  const sealed = pooledBytes(GCM_OVERHEAD + length);
  sealed.set(iv, 0);
  sealed.set(memory.subarray(TEXT, TEXT + length), IV_SIZE);
  sealed.set(memory.subarray(SUM, SUM + BLOCK_SIZE), IV_SIZE + length);
  return sealed;
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
  if (program === undefined || length < 0 || length > LONGEST || key.symmetricKeySize !== KEY_SIZE) {
    return decryptGcm(key, sealed);
  }
  const standing = standingKey(key);
  const tagAt = IV_SIZE + length;
  const blocks = loadKeyStream(program, standing, sealed.subarray(0, IV_SIZE), length);
  const { memory } = program;
  memory.set(sealed.subarray(IV_SIZE, tagAt), TEXT);
  computeTag(program, standing, length, blocks);
  if (!equalSecretBytes(memory.subarray(SUM, SUM + BLOCK_SIZE), sealed.subarray(tagAt))) {
    throw new VerificationError('CIPHER_AUTHENTICATION_FAILED', 'the authentication tag does not fit');
  }
  if (blocks > 0) program.xor(TEXT, STREAM + BLOCK_SIZE, blocks);
  const plaintext = pooledBytes(length);
  plaintext.set(memory.subarray(TEXT, TEXT + length), 0);
  return plaintext;
}

/** Puts the encrypted counter blocks of a message to `STREAM`, the one that hides the tag first. Answers its number of blocks. */
function loadKeyStream({ memory }: Program, { blocks: aes }: StandingKey, iv: Uint8Array, length: number): number {
  const blocks = Math.ceil(length / BLOCK_SIZE);
  counters.set(iv, 0);
  const [first = 0, second = 0, third = 0] = counterWords;
  for (let word = 4; word <= 4 * blocks; word += 4) {
    counterWords[word] = first;
    counterWords[word + 1] = second;
    counterWords[word + 2] = third;
  }
  memory.set(aes.update(counters.subarray(0, (blocks + 1) * BLOCK_SIZE)), STREAM);
  return blocks;
}

/** Puts the tag of the ciphertext at `TEXT` to `SUM`: the hash of it, of zeros up to a whole block, and of its length in bits. */
function computeTag({ memory, ghash, xor }: Program, { hashKey }: StandingKey, length: number, blocks: number): void {
  const end = TEXT + blocks * BLOCK_SIZE + BLOCK_SIZE;
  memory.fill(0, TEXT + length, end);
  memory[end - 2] = length >> 5;
  memory[end - 1] = length << 3;
  memory.set(hashKey, HASH_KEY);
  memory.fill(0, SUM, SUM + BLOCK_SIZE);
  ghash(HASH_KEY, SUM, TEXT, blocks + 1);
  xor(SUM, STREAM, 1);
}

function standingKey(key: KeyObject): StandingKey {
  let standing = standingKeys.get(key);
  if (standing === undefined) {
    const blocks = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    standing = { blocks, hashKey: blocks.update(new Uint8Array(BLOCK_SIZE)) };
    standingKeys.set(key, standing);
  }
  return standing;
}

function createCounters(): Uint8Array<ArrayBuffer> {
  const blocks = new Uint8Array(LONGEST + BLOCK_SIZE);
  const view = new DataView(blocks.buffer);
  for (let at = 0; at < blocks.length; at += BLOCK_SIZE) view.setUint32(at + IV_SIZE, at / BLOCK_SIZE + 1);
  return blocks;
}

function createProgram(): Program | undefined {
  const exports = instantiate<Omit<Program, 'memory'>>([ghashFunction(), xorFunction()], MEMORY_PAGES);
  return exports === undefined ? undefined : { ...exports, memory: new Uint8Array(exports.memory.buffer) };
}

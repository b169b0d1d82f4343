/** The 62 default letters of Hashids without its 14 separators, which only stand between several numbers. */
const ALPHABET = 'abdegjklmnopqrvwxyzABDEGJKLMNOPQRVWXYZ1234567890';
/** Guards (letters that lengthen short texts) come off the front of the shuffled alphabet: one per twelve letters. */
const GUARD_COUNT = 4;
const MIN_LENGTH = 9;

/** Letters of an alphabet: 48 less the guards. */
const BASE = ALPHABET.length - GUARD_COUNT;
const HALF = BASE / 2;
/** Most letters of a 32-bit number, with its first letter. */
const MAX_LETTERS = 12;

/** What one first letter ("lottery") entails; computed once for each of the 44 possible letters. */
interface Lottery {
  readonly letter: number;
  /** The digits, in the order that the letter, the secret and the alphabet give them. */
  readonly digits: Uint8Array;
  readonly padding: Uint8Array;
}

/** Makes the public names of salt buckets: the prefix, then Hashids text. */
export interface BucketIdWriter {
  readonly encode: (saltId: number) => string;
  /** Most bytes of a name. */
  readonly maxLength: number;
  /** Writes a name as UTF-8 to `target` from `start` on; answers its length in bytes. Several times faster than `encode`. */
  readonly write: (saltId: number, target: Uint8Array, start: number) => number;
}

/**
 * The public names of salt buckets: the prefix, then the Hashids text (default alphabet, at least 9 letters) of the entry's
 * id, salted with the secret. Ids are not negative.
 * @see https://hashids.org, the public algorithm
 */
export function createBucketIdEncoder(idPrefix: string, idSecret: string): (saltId: number) => string {
  const { encode } = createBucketIdWriter(idPrefix, idSecret);
  return encode;
}

/** The same names, as text or as bytes. */
export function createBucketIdWriter(idPrefix: string, idSecret: string): BucketIdWriter {
  const shuffled = shuffle(ALPHABET, idSecret);
  const guards = ascii(shuffled.slice(0, GUARD_COUNT));
  const alphabet = shuffled.slice(GUARD_COUNT);
  const lotteries = Array.from(alphabet, (letter): Lottery => {
    const digits = shuffle(alphabet, (letter + idSecret + alphabet).slice(0, BASE));
    return { letter: letter.charCodeAt(0), digits: ascii(digits), padding: ascii(shuffle(digits, digits)) };
  });
  const prefix = new TextEncoder().encode(idPrefix);
  const scratch = new Uint8Array(MAX_LETTERS + MIN_LENGTH);
  return {
    maxLength: prefix.length + scratch.length,
    encode: (saltId) => {
      const length = writeHashid(saltId, lotteries, guards, scratch, 0);
      return idPrefix + String.fromCharCode(...scratch.subarray(0, length));
    },
    write: (saltId, target, start) => {
      for (let i = 0; i < prefix.length; i += 1) target[start + i] = prefix[i] ?? 0;
      return prefix.length + writeHashid(saltId, lotteries, guards, target, start + prefix.length);
    },
  };
}

/** Writes the Hashids text of an id; answers its length. */
function writeHashid(
  id: number,
  lotteries: readonly Lottery[],
  guards: Uint8Array,
  target: Uint8Array,
  start: number,
): number {
  const idHash = id % 100;
  const lottery = lotteries[idHash % BASE];
  if (lottery === undefined) return 0; // ids are not negative
  const { letter, digits, padding } = lottery;
  const letters = 1 + digitCount(id);
  // What is shorter than nine letters gets a guard in front, then one behind, then padding on both sides.
  const guardBefore = letters < MIN_LENGTH;
  const guardBehind = letters + 1 < MIN_LENGTH;
  const guarded = letters + Number(guardBefore) + Number(guardBehind);
  const padLeft = guarded < MIN_LENGTH ? HALF - Math.floor((BASE + guarded - MIN_LENGTH) / 2) : 0;
  let at = start;
  for (let i = BASE - padLeft; i < BASE; i += 1, at += 1) target[at] = padding[i] ?? 0;
  if (guardBefore) {
    target[at] = guards[(idHash + letter) % GUARD_COUNT] ?? 0;
    at += 1;
  }
  target[at] = letter;
  let rest = id;
  for (let place = at + letters - 1; place > at; place -= 1) {
    const next = Math.floor(rest / BASE);
    target[place] = digits[rest - next * BASE] ?? 0;
    rest = next;
  }
  // The second guard goes by the third letter, with the first guard counted.
  const third = target[at + 1] ?? 0;
  at += letters;
  if (guardBehind) {
    target[at] = guards[(idHash + third) % GUARD_COUNT] ?? 0;
    at += 1;
  }
  for (let i = 0; at - start < MIN_LENGTH; i += 1, at += 1) target[at] = padding[i] ?? 0;
  return at - start;
}

/** Digits of `id` in base 44; zero has one. */
function digitCount(id: number): number {
  let count = 1;
  for (let limit = BASE; id >= limit; limit *= BASE) count += 1;
  return count;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** The order that `salt` gives to the letters of `alphabet`; the same salt always gives the same order. */
function shuffle(alphabet: string, salt: string): string {
  if (salt.length === 0) return alphabet;
  const letters = Array.from(alphabet);
  let sum = 0;
  for (let i = letters.length - 1, v = 0; i > 0; i -= 1, v += 1) {
    v %= salt.length;
    const code = salt.charCodeAt(v);
    sum += code;
    const j = (code + v + sum) % i;
    const swapped = letters[j] ?? '';
    letters[j] = letters[i] ?? '';
    letters[i] = swapped;
  }
  return letters.join('');
}

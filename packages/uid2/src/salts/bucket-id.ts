/** The 62 default letters of Hashids without its 14 separators, which only stand between several numbers. */
const ALPHABET = 'abdegjklmnopqrvwxyzABDEGJKLMNOPQRVWXYZ1234567890';
/** Guards (letters that lengthen short texts) come off the front of the shuffled alphabet: one per twelve letters. */
const GUARD_COUNT = 4;
const MIN_LENGTH = 9;

/** What one first letter ("lottery") entails; computed once for each of the 44 possible letters. */
interface Lottery {
  readonly letter: string;
  /** The digits, in the order that the letter, the secret and the alphabet give them. */
  readonly digits: string;
  readonly padding: string;
}

/**
 * The public names of salt buckets: the prefix, then the Hashids text (default alphabet, at least 9 letters) of the entry's
 * id, salted with the secret. Ids are not negative.
 * @see https://hashids.org, the public algorithm
 */
export function createBucketIdEncoder(idPrefix: string, idSecret: string): (saltId: number) => string {
  const shuffled = shuffle(ALPHABET, idSecret);
  const guards = shuffled.slice(0, GUARD_COUNT);
  const alphabet = shuffled.slice(GUARD_COUNT);
  const lotteries = Array.from(alphabet, (letter): Lottery => {
    const digits = shuffle(alphabet, (letter + idSecret + alphabet).slice(0, alphabet.length));
    return { letter, digits, padding: shuffle(digits, digits) };
  });
  return (saltId) => idPrefix + encode(saltId, lotteries, guards);
}

function encode(id: number, lotteries: readonly Lottery[], guards: string): string {
  const idHash = id % 100;
  const { letter = '', digits = '', padding = '' } = lotteries[idHash % lotteries.length] ?? {};
  let text = letter + writeNumber(id, digits);
  if (text.length < MIN_LENGTH) text = letterAt(guards, idHash + text.charCodeAt(0)) + text;
  if (text.length < MIN_LENGTH) text += letterAt(guards, idHash + text.charCodeAt(2));
  if (text.length >= MIN_LENGTH) return text;
  const half = padding.length / 2;
  const padded = padding.slice(half) + text + padding.slice(0, half);
  const start = Math.floor((padded.length - MIN_LENGTH) / 2);
  return padded.slice(start, start + MIN_LENGTH);
}

/** `id` as a number whose digits are the letters of the alphabet. */
function writeNumber(id: number, digits: string): string {
  let text = '';
  let rest = id;
  do {
    text = letterAt(digits, rest) + text;
    rest = Math.floor(rest / digits.length);
  } while (rest > 0);
  return text;
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

function letterAt(letters: string, index: number): string {
  return letters.charAt(index % letters.length);
}

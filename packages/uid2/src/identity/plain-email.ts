const AT = 0x40;
const DOT = 0x2e;
const PLUS = 0x2b;
const GMAIL = Array.from('gmail.com', (letter) => letter.charCodeAt(0));

/** What becomes of each ASCII character that needs no closer look; 0 for those that do, and there is none beyond. */
const LOWERED = Uint8Array.from({ length: 0x80 }, (_, unit) => {
  if (unit === AT || unit === DOT || unit === PLUS || unit === 0x20) return 0;
  return unit >= 0x41 && unit <= 0x5a ? unit + 0x20 : unit;
});

/**
 * Writes the normalised form of an e-mail address to `target` from `start` on, if it is as addresses usually are: ASCII, at
 * most `limit` letters, one `@` with something on both sides, no spaces, and nothing to drop for `gmail.com`. Answers its
 * length, or -1 for all other texts, valid or not, which `normalizeEmail` is there for.
 */
export function writePlainEmail(text: string, target: Uint8Array, start: number, limit: number): number {
  const { length } = text;
  if (length > limit) return -1;
  let at = -1;
  let droppable = false;
  for (let i = 0; i < length; i += 1) {
    const unit = text.charCodeAt(i);
    const lowered = LOWERED[unit] ?? 0;
    target[start + i] = lowered;
    if (lowered !== 0) continue;
    if (unit === AT && at < 0) at = i;
    else if (unit !== DOT && unit !== PLUS) return -1;
    else if (at < 0) droppable = true;
    target[start + i] = unit;
  }
  if (at <= 0 || at === length - 1) return -1;
  if (droppable && length - at - 1 === GMAIL.length && endsWith(target, start + at + 1, GMAIL)) return -1;
  return length;
}

function endsWith(bytes: Uint8Array, start: number, ending: readonly number[]): boolean {
  return ending.every((byte, i) => bytes[start + i] === byte);
}

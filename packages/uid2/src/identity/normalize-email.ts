const SPACE = 0x20;
const PLUS = 0x2b;
const DOT = 0x2e;

/**
 * The normalised form of an e-mail address, or undefined when it is not one by the rules of the UID2 operator.
 *
 * ASCII letters are lowered and nothing else is folded. Spaces vanish from the local part wherever they are, and from the
 * end of the domain. In the domain `gmail.com`, dots and everything from the first `+` on leave the local part. Beyond one
 * `@` with something on both sides nothing is checked.
 */
export function normalizeEmail(text: string): string | undefined {
  const at = text.indexOf('@');
  if (at < 0 || text.includes('@', at + 1)) return undefined;
  const domain = lowerAscii(withoutTrailingSpaces(text.slice(at + 1)));
  if (domain.length === 0) return undefined;
  const local = normalizeLocalPart(text.slice(0, at), domain === 'gmail.com');
  return local.length === 0 ? undefined : `${local}@${domain}`;
}

function normalizeLocalPart(text: string, gmail: boolean): string {
  let clean = true;
  for (let i = 0; i < text.length && clean; i += 1) {
    const unit = text.charCodeAt(i);
    clean = unit !== SPACE && !(gmail && (unit === DOT || unit === PLUS));
  }
  if (clean) return lowerAscii(text);
  let local = '';
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (gmail && unit === PLUS) break;
    if (unit !== SPACE && !(gmail && unit === DOT)) local += text[i];
  }
  return lowerAscii(local);
}

function withoutTrailingSpaces(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === SPACE) end -= 1;
  return text.slice(0, end);
}

/** Lowers A to Z only: `toLowerCase` would also fold letters outside ASCII and thereby change the hash. */
function lowerAscii(text: string): string {
  let changed = false;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
    if (unit >= 0x41 && unit <= 0x5a) changed = true;
  }
  return changed ? text.toLowerCase() : text;
}

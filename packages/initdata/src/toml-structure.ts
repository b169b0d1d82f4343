const QUOTES = [`"""`, `'''`, `"`, `'`] as const;
const STRUCTURE = new Set(['=', '.', '[', '{', ',']);

/**
 * Whether a text has more than `limit` signs that make keys, tables or members, outside of strings and comments. Reading a table takes
 * far longer than reading a string of the same length, so this is asked before anything is parsed. One pass; a text
 * that is not TOML is judged up to where it stops being TOML.
 */
export function hasMoreStructure(text: string, limit: number): boolean {
  let count = 0;
  let at = 0;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === '#') {
      at = endOf(text, '\n', at);
    } else if (character === '"' || character === "'") {
      at = afterString(text, at);
    } else {
      if (STRUCTURE.has(character)) count += 1;
      if (count > limit) return true;
      at += 1;
    }
  }
  return false;
}

function endOf(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from);
  return end === -1 ? text.length : end + mark.length;
}

function afterString(text: string, at: number): number {
  const quote = QUOTES.find((candidate) => text.startsWith(candidate, at)) ?? `"`;
  if (quote.startsWith("'")) return endOf(text, quote, at + quote.length);
  let end = at + quote.length;
  while (end < text.length && !text.startsWith(quote, end)) end += text.charAt(end) === '\\' ? 2 : 1;
  return end + quote.length;
}

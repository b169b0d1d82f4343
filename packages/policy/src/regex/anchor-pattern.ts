/**
 * The pattern as the guest framework anchors it before matching: a leading `^` and a trailing `$` are added unless the
 * text already begins or ends so. Purely textual: `A=1|B=2` becomes `^A=1|B=2$`, in which each branch has one anchor.
 */
export function anchorPattern(pattern: string): string {
  return `${pattern.startsWith('^') ? '' : '^'}${pattern}${pattern.endsWith('$') ? '' : '$'}`;
}

/**
 * Whether a `|` stands outside every group and class, where textual anchoring does not reach both branches: the rule
 * then accepts values that merely begin or end as written. Patterns need not be valid.
 */
export function hasTopLevelAlternation(pattern: string): boolean {
  let depth = 0;
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at);
    if (character === '\\') at = skipEscape(pattern, at);
    else if (character === '[') at = skipClass(pattern, at);
    else if (character === '(') depth++;
    else if (character === ')') depth--;
    else if (character === '|' && depth === 0) return true;
  }
  return false;
}

/** Position of an escape's last character; `\Q` quotes up to `\E`. */
function skipEscape(pattern: string, at: number): number {
  if (pattern.charAt(at + 1) !== 'Q') return at + 1;
  const end = pattern.indexOf('\\E', at + 2);
  return end === -1 ? pattern.length : end + 1;
}

/** Position of the `]` that closes the class opened at `at`. A `]` directly after `[` or `[^` is a member. */
function skipClass(pattern: string, at: number): number {
  let position = at + (pattern.charAt(at + 1) === '^' ? 2 : 1);
  if (pattern.charAt(position) === ']') position++;
  for (; position < pattern.length; position++) {
    const character = pattern.charAt(position);
    if (character === '\\') position++;
    else if (character === ']') return position;
    else if (pattern.startsWith('[:', position)) {
      const end = pattern.indexOf(':]', position + 2);
      if (end !== -1) position = end + 1;
    }
  }
  return position;
}

import type { LiteralValue } from '../rego-literals/index.ts';

const maxDepth = 64;
const scalarAt = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const stringAt = /"(?:[^"\\]|\\.)*"/sy;

/**
 * The value of a JSON text that may be cut off anywhere: everything that is complete is kept, the unfinished rest left
 * out. Undefined when not even the beginning is JSON.
 */
export function parseJsonPrefix(text: string): LiteralValue | undefined {
  return new PrefixParser(text).value(0);
}

class PrefixParser {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): LiteralValue | undefined {
    this.#blanks();
    switch (this.#text.charAt(this.#position)) {
      case '{':
        return depth < maxDepth ? this.#object(depth) : undefined;
      case '[':
        return depth < maxDepth ? this.#array(depth) : undefined;
      case '"':
        return this.#string();
      default: {
        const token = this.#take(scalarAt);
        return token === undefined ? undefined : (JSON.parse(token) as LiteralValue);
      }
    }
  }

  #object(depth: number): LiteralValue {
    const members = new Map<string, LiteralValue>();
    this.#position++;
    for (;;) {
      this.#blanks();
      const key = this.#string();
      this.#blanks();
      if (key === undefined || !this.#skip(':')) break;
      const value = this.value(depth + 1);
      if (value === undefined) break;
      members.set(key, value);
      this.#blanks();
      if (!this.#skip(',')) break;
    }
    this.#skip('}');
    return Object.fromEntries(members);
  }

  #array(depth: number): LiteralValue {
    const items: LiteralValue[] = [];
    this.#position++;
    for (;;) {
      const item = this.value(depth + 1);
      if (item === undefined) break;
      items.push(item);
      this.#blanks();
      if (!this.#skip(',')) break;
    }
    this.#skip(']');
    return items;
  }

  #string(): string | undefined {
    const token = this.#take(stringAt);
    if (token === undefined) return undefined;
    try {
      return JSON.parse(token) as string;
    } catch {
      // Not a JSON string after all, so the text ends here for us.
      return undefined;
    }
  }

  #take(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.#position;
    const match = sticky.exec(this.#text)?.[0];
    this.#position += match?.length ?? 0;
    return match;
  }

  #skip(character: string): boolean {
    if (this.#text.charAt(this.#position) !== character) return false;
    this.#position++;
    return true;
  }

  #blanks(): void {
    while (/^\s$/.test(this.#text.charAt(this.#position))) this.#position++;
  }
}

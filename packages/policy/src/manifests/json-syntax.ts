import { MalformedError } from '@holdfast/base';

import { defaultManifestLimits, type ManifestLimits } from './limits.ts';
import { lineAt, manifestText, setOwn } from './manifest-text.ts';

/** A member of a JSON object with its place in the text. */
export interface JsonMember {
  readonly name: string;
  readonly nameStart: number;
  readonly node: JsonNode;
}

/** A JSON value with its place in the text: `start` inclusive, `end` exclusive. */
export interface JsonNode {
  readonly start: number;
  readonly end: number;
  readonly value: unknown;
  /** Of an object. */
  readonly members?: readonly JsonMember[];
  /** Of an array. */
  readonly items?: readonly JsonNode[];
}

export interface JsonSource {
  readonly text: string;
  readonly root: JsonNode;
}

const BLANKS = /[ \t\r\n]*/y;
const PRIMITIVE = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)(?![A-Za-z0-9_.])/y;

/**
 * Reads JSON with the place of every value; comments (`//` and block) are accepted, a byte order mark is skipped,
 * duplicate keys and trailing text are refused.
 * @throws MalformedError MANIFEST_JSON_INVALID, MANIFEST_KEY_DUPLICATE, MANIFEST_TOO_LARGE, MANIFEST_TOO_DEEP,
 * MANIFEST_ENCODING_INVALID
 */
export function readJson(input: string | Uint8Array, limits: ManifestLimits = defaultManifestLimits): JsonSource {
  const reader = new JsonReader(manifestText(input, limits), limits);
  return { text: reader.text, root: reader.document() };
}

class JsonReader {
  readonly text: string;
  readonly #limits: ManifestLimits;
  #at = 0;
  #nodes = 0;

  constructor(text: string, limits: ManifestLimits) {
    this.text = text;
    this.#limits = limits;
    this.#at = text.startsWith('\uFEFF') ? 1 : 0;
  }

  document(): JsonNode {
    this.#blank();
    const root = this.#value(1);
    this.#blank();
    if (this.#at !== this.text.length) throw this.#invalid('text after the end of the document');
    return root;
  }

  #value(depth: number): JsonNode {
    this.#nodes += 1;
    if (this.#nodes > this.#limits.maxNodes) {
      throw new MalformedError('MANIFEST_TOO_LARGE', `the input holds more than ${this.#limits.maxNodes} values`);
    }
    if (depth > this.#limits.maxDepth) {
      throw new MalformedError('MANIFEST_TOO_DEEP', `values are nested deeper than ${this.#limits.maxDepth} levels`);
    }
    const start = this.#at;
    const first = this.text[start];
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#array(depth);
    if (first === '"') return { start, value: this.#string(), end: this.#at };
    const source = this.#take(PRIMITIVE);
    if (source === undefined) throw this.#invalid('expected a value');
    return { start, end: this.#at, value: JSON.parse(source) as unknown };
  }

  #object(depth: number): JsonNode {
    const start = this.#at;
    const members: JsonMember[] = [];
    const value: Record<string, unknown> = {};
    this.#list('}', () => {
      const nameStart = this.#at;
      if (this.text[nameStart] !== '"') throw this.#invalid('expected a key in double quotes');
      const name = this.#string();
      if (Object.hasOwn(value, name)) {
        const problem = `the key ${JSON.stringify(name)} occurs twice (line ${lineAt(this.text, nameStart)})`;
        throw new MalformedError('MANIFEST_KEY_DUPLICATE', problem);
      }
      this.#blank();
      this.#expect(':');
      this.#blank();
      const node = this.#value(depth + 1);
      members.push({ name, nameStart, node });
      setOwn(value, name, node.value);
    });
    return { start, end: this.#at, value, members };
  }

  #array(depth: number): JsonNode {
    const start = this.#at;
    const items: JsonNode[] = [];
    this.#list(']', () => {
      items.push(this.#value(depth + 1));
    });
    return { start, end: this.#at, value: items.map((item) => item.value), items };
  }

  /** Entries between the opening character that is next and the closing one, with commas between them. */
  #list(close: string, entry: () => void): void {
    this.#at += 1;
    this.#blank();
    if (this.text[this.#at] === close) {
      this.#at += 1;
      return;
    }
    for (;;) {
      entry();
      this.#blank();
      if (this.text[this.#at] === close) break;
      this.#expect(',');
      this.#blank();
    }
    this.#at += 1;
  }

  #expect(character: string): void {
    if (this.text[this.#at] !== character) throw this.#invalid(`expected ${JSON.stringify(character)}`);
    this.#at += 1;
  }

  /**
   * The string that begins here. Its end is looked for without a pattern: patterns run out of stack on texts of
   * megabytes.
   */
  #string(): string {
    const start = this.#at;
    let end = start;
    do end = this.text.indexOf('"', end + 1);
    while (end !== -1 && this.#escaped(start, end));
    try {
      const value = end === -1 ? undefined : (JSON.parse(this.text.slice(start, end + 1)) as string);
      this.#at = end + 1;
      if (value !== undefined) return value;
    } catch {
      // A control character or an unknown escape: answered below with its line.
      this.#at = start;
    }
    throw this.#invalid('a string has no end, or holds a control character or an unknown escape');
  }

  #escaped(start: number, quote: number): boolean {
    let at = quote;
    while (at - 1 > start && this.text[at - 1] === '\\') at -= 1;
    return (quote - at) % 2 === 1;
  }

  /** Skips blanks and comments. */
  #blank(): void {
    for (;;) {
      this.#take(BLANKS);
      const block = this.text.startsWith('/*', this.#at);
      if (!block && !this.text.startsWith('//', this.#at)) return;
      const end = this.text.indexOf(block ? '*/' : '\n', this.#at + 2);
      if (end === -1 && block) throw this.#invalid('a comment has no end');
      this.#at = end === -1 ? this.text.length : end + (block ? 2 : 1);
    }
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match[0];
  }

  #invalid(problem: string): MalformedError {
    return new MalformedError(
      'MANIFEST_JSON_INVALID',
      `not valid JSON: ${problem} (line ${lineAt(this.text, this.#at)})`,
    );
  }
}

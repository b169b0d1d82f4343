import { errorMessage, fromUtf8, MalformedError } from '@holdfast/base';

/** A JSON value; integers beyond 2^53 are bigint, so that nothing is rounded. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [member: string]: JsonValue };

const MAX_DEPTH = 64;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
// Everything but the quote, the backslash and control characters.
const PLAIN = /[\u0020\u0021\u0023-\u005b\u005d-\uffff]*/y;
const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const UPPER_E = 0x45;
const LOWER_E = 0x65;
/** Digits of integers that no arithmetic of ours rounds. */
const PLAIN_DIGITS = 15;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

export interface ParseJsonOptions {
  /** `null` reads every number with a fraction or an exponent, also `1.0` and `1e0`, as null: for readers that know integers only. */
  readonly fractions?: 'null';
}

/**
 * Parses JSON text (RFC 8259) losslessly and strictly: duplicate members are refused, because parsers disagree about
 * which one wins; integers beyond 2^53 become bigint. At most 64 levels deep; the caller bounds the size.
 * @param code The error code to throw, so that a parser names its own format.
 * @throws MalformedError with `code`
 */
export function parseJson(input: string | Uint8Array, code: string, options: ParseJsonOptions = {}): JsonValue {
  const text = typeof input === 'string' ? input : decode(input, code);
  const parser = new JsonParser(text, code, options.fractions === 'null');
  return parser.document();
}

/** Parses JSON text that must be an object. */
export function parseJsonObject(input: string | Uint8Array, code: string, options: ParseJsonOptions = {}): JsonObject {
  const value = parseJson(input, code, options);
  if (!isJsonObject(value)) throw new MalformedError(code, 'not a JSON object');
  return value;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member of this name, own members only. */
export function member(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Compact JSON text; bigint values print as JSON numbers. */
export function formatJson(value: JsonValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map((item: JsonValue) => formatJson(item)).join(',')}]`;
  if (isJsonObject(value)) {
    const members = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}:${formatJson(item)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

function decode(bytes: Uint8Array, code: string): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw new MalformedError(code, `JSON text is ${errorMessage(cause)}`, { cause });
  }
}

class JsonParser {
  readonly #text: string;
  readonly #code: string;
  readonly #fractionsAsNull: boolean;
  #offset = 0;

  constructor(text: string, code: string, fractionsAsNull: boolean) {
    this.#fractionsAsNull = fractionsAsNull;
    this.#text = text;
    this.#code = code;
  }

  document(): JsonValue {
    const value = this.#value(0);
    this.#space();
    if (this.#offset !== this.#text.length) throw this.#malformed('text after its end');
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw this.#malformed(`more than ${MAX_DEPTH} levels`);
    this.#space();
    switch (this.#text[this.#offset]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonObject {
    const object: Record<string, JsonValue> = {};
    this.#offset += 1;
    this.#space();
    if (this.#take('}')) return object;
    do {
      this.#space();
      if (this.#text[this.#offset] !== '"') throw this.#malformed('a member name is due');
      const name = this.#string();
      this.#space();
      this.#expect(':');
      if (Object.hasOwn(object, name)) throw this.#malformed(`member ${JSON.stringify(name)} stands twice`);
      const value = this.#value(depth + 1);
      // Defined, not assigned: a member named __proto__ is data like any other.
      if (name === '__proto__') {
        Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
      } else {
        object[name] = value;
      }
      this.#space();
    } while (this.#take(','));
    this.#expect('}');
    return object;
  }

  #array(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.#offset += 1;
    this.#space();
    if (this.#take(']')) return items;
    do {
      items.push((depth < MAX_DEPTH ? this.#plainInteger() : undefined) ?? this.#value(depth + 1));
      this.#space();
    } while (this.#take(','));
    this.#expect(']');
    return items;
  }

  #string(): string {
    this.#offset += 1;
    let value = '';
    for (;;) {
      value += this.#match(PLAIN);
      const next = this.#text[this.#offset];
      this.#offset += 1;
      if (next === '"') break;
      if (next !== '\\') throw this.#malformed('a string that does not end');
      const escape = this.#text[this.#offset] ?? '';
      this.#offset += 1;
      if (escape === 'u') {
        const hex = this.#text.slice(this.#offset, this.#offset + 4);
        if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw this.#malformed('an escape');
        value += String.fromCharCode(Number.parseInt(hex, 16));
        this.#offset += 4;
      } else {
        const character = Object.hasOwn(ESCAPES, escape) ? ESCAPES[escape] : undefined;
        if (character === undefined) throw this.#malformed('an escape');
        value += character;
      }
    }
    if (!value.isWellFormed()) throw this.#malformed('half of a surrogate pair');
    return value;
  }

  #number(): number | bigint | null {
    const plain = this.#plainInteger();
    if (plain !== undefined) return plain;
    NUMBER.lastIndex = this.#offset;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw this.#malformed('a value is due');
    const [token, fraction, exponent] = match;
    this.#offset += token.length;
    const value = Number(token);
    if (!Number.isFinite(value)) throw this.#malformed('a number out of range');
    // A bound on digits keeps the conversion of a hostile integer cheap.
    const isFraction = fraction !== undefined || exponent !== undefined;
    if (isFraction && this.#fractionsAsNull) return null;
    if (isFraction || Number.isSafeInteger(value)) return value;
    if (token.length > 40) throw this.#malformed('a number out of range');
    return BigInt(token);
  }

  /** An integer of few digits without a sign: evidence holds thousands, for lists of bytes are written so. */
  #plainInteger(): number | undefined {
    const text = this.#text;
    const start = this.#offset;
    let at = start;
    let value = 0;
    let code = text.charCodeAt(at);
    while (code >= ZERO && code <= NINE) {
      value = value * 10 + (code - ZERO);
      code = text.charCodeAt((at += 1));
    }
    const digits = at - start;
    const isWhole = digits > 0 && digits <= PLAIN_DIGITS && code !== POINT && code !== LOWER_E && code !== UPPER_E;
    if (!isWhole || (digits > 1 && text.charCodeAt(start) === ZERO)) return undefined;
    this.#offset = at;
    return value;
  }

  #word(word: string, value: boolean | null): boolean | null {
    if (!this.#text.startsWith(word, this.#offset)) throw this.#malformed('a value is due');
    this.#offset += word.length;
    return value;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#offset);
      if (code !== SPACE && code !== TAB && code !== NEWLINE && code !== RETURN) return;
      this.#offset += 1;
    }
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#offset;
    const token = pattern.exec(this.#text)?.[0] ?? '';
    this.#offset += token.length;
    return token;
  }

  #take(character: string): boolean {
    if (this.#text[this.#offset] !== character) return false;
    this.#offset += 1;
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw this.#malformed(`"${character}" is due`);
  }

  #malformed(problem: string): MalformedError {
    return new MalformedError(this.#code, `not valid JSON at character ${this.#offset}: ${problem}`);
  }
}

import { syntaxError } from './position.ts';
import type { RegoPosition } from './position.ts';

export interface Token {
  readonly kind: 'name' | 'number' | 'text' | 'sign' | 'end';
  /** The name, the sign, the digits, or the content of a string. */
  readonly text: string;
  readonly at: RegoPosition;
  /** Whether it stands directly behind the previous token. */
  readonly adjacent: boolean;
  /** Whether a line ends between it and the previous token. */
  readonly newLine: boolean;
}

const blanks = /(?:[ \t\r\n]|#[^\n]*)+/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const number = /(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const sign = /:=|==|!=|<=|>=|[=<>+\-*/%&|()[\]{},;:.]/y;
const text = /"(?:[^"\\\n]|\\[^\n])*"/y;
const rawText = /`[^`]*`/y;

/** Cuts a module into tokens. The last one has kind `end`. */
export function tokenize(source: string, file: string): readonly Token[] {
  return new Lexer(source, file).run();
}

class Lexer {
  readonly #source: string;
  readonly #file: string;
  #position: number;
  #line = 1;
  #lineStart = 0;

  constructor(source: string, file: string) {
    this.#source = source;
    this.#file = file;
    this.#position = source.charCodeAt(0) === 0xfeff ? 1 : 0;
    this.#lineStart = this.#position;
  }

  run(): readonly Token[] {
    const tokens: Token[] = [];
    for (;;) {
      const skipped = this.#take(blanks) ?? '';
      const gap = { adjacent: skipped === '', newLine: skipped.includes('\n') };
      const at = this.#at();
      if (this.#position >= this.#source.length) {
        tokens.push({ kind: 'end', text: 'the end of the module', at, adjacent: false, newLine: true });
        return tokens;
      }
      tokens.push({ ...this.#next(at), at, ...gap });
    }
  }

  #next(at: RegoPosition): Pick<Token, 'kind' | 'text'> {
    const word = this.#take(name);
    if (word !== undefined) return { kind: 'name', text: word };
    const digits = this.#take(number);
    if (digits !== undefined) return { kind: 'number', text: digits };
    const mark = this.#take(sign);
    if (mark !== undefined) return { kind: 'sign', text: mark };
    const raw = this.#take(rawText);
    if (raw !== undefined) return { kind: 'text', text: raw.slice(1, -1).replaceAll('\r', '') };
    const quoted = this.#take(text);
    if (quoted !== undefined) return { kind: 'text', text: unquote(quoted, at) };
    const character = String.fromCodePoint(this.#source.codePointAt(this.#position) ?? 0);
    if (character === '"' || character === '`') throw syntaxError(at, 'a string is not closed');
    throw syntaxError(at, `the character ${JSON.stringify(character)} has no meaning here`);
  }

  #take(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.#position;
    const match = sticky.exec(this.#source)?.[0];
    if (match === undefined) return undefined;
    for (let at = match.indexOf('\n'); at !== -1; at = match.indexOf('\n', at + 1)) {
      this.#line++;
      this.#lineStart = this.#position + at + 1;
    }
    this.#position += match.length;
    return match;
  }

  #at(): RegoPosition {
    return { file: this.#file, line: this.#line, column: this.#position - this.#lineStart + 1 };
  }
}

function unquote(quoted: string, at: RegoPosition): string {
  try {
    return (JSON.parse(quoted) as string).toWellFormed();
  } catch {
    throw syntaxError(at, 'a string has an invalid escape or a control character');
  }
}

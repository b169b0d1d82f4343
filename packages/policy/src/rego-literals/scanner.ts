import { MalformedError } from '@holdfast/base';

export function malformed(line: number, problem: string): MalformedError {
  return new MalformedError('REGO_MALFORMED', `The policy text is not valid Rego: line ${line}: ${problem}.`, {
    details: { line },
  });
}

export function tooLarge(limit: string, allowed: number, found: number): MalformedError {
  return new MalformedError('REGO_TOO_LARGE', `The policy text exceeds the limit on ${limit} (${allowed}).`, {
    details: { limit, allowed, found },
  });
}

const lineFeed = 0x0a;
const openers: ReadonlySet<string> = new Set(['(', '[', '{']);
const closerOf: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const closers: ReadonlySet<string> = new Set([')', ']', '}']);
const statementStart = /[A-Za-z_]/;
const pastPlainText = /[^"`#()[\]{}\n]+/y;

/** Position in a Rego text with the lexical rules every statement shares: blanks, `#` comments, strings, lines. */
export class Scanner {
  readonly text: string;
  position: number;
  readonly #lineStarts: number[];

  constructor(text: string) {
    this.text = text;
    // A byte order mark is part of the measured bytes but not of the document.
    this.position = text.charCodeAt(0) === 0xfeff ? 1 : 0;
    this.#lineStarts = [0];
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#lineStarts.push(at + 1);
  }

  atEnd(): boolean {
    return this.position >= this.text.length;
  }

  peek(): string {
    return this.text.charAt(this.position);
  }

  /** Line of a position, from 1. */
  lineOf(position: number): number {
    let low = 0;
    let high = this.#lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= position) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  lineText(position: number, max: number): string {
    const end = this.text.indexOf('\n', position);
    const line = this.text.slice(position, Math.min(end === -1 ? this.text.length : end, position + max + 1)).trimEnd();
    return line.length > max ? `${line.slice(0, max)}…` : line;
  }

  /** The match of a sticky pattern at the position, which moves behind it. */
  take(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.position;
    const match = sticky.exec(this.text)?.[0];
    if (match !== undefined) this.position += match.length;
    return match;
  }

  takeText(text: string): boolean {
    if (!this.text.startsWith(text, this.position)) return false;
    this.position += text.length;
    return true;
  }

  /** Skips blanks inside the line; true when there were any. */
  skipSpaces(): boolean {
    const start = this.position;
    while (isSpace(this.text.charCodeAt(this.position))) this.position++;
    return this.position > start;
  }

  /** Skips blanks, line ends and comments. */
  skipBlanks(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.position);
      if (isSpace(code) || code === lineFeed) this.position++;
      else if (code === 0x23) this.#skipComment();
      else return;
    }
  }

  /** Whether nothing but blanks and a comment remains on this line. */
  atLineEnd(): boolean {
    this.skipSpaces();
    const code = this.text.charCodeAt(this.position);
    return Number.isNaN(code) || code === lineFeed || code === 0x23;
  }

  /** The string literal at the position (`"..."` with JSON escapes or a raw one in backticks). */
  takeString(): string {
    const start = this.position;
    const end = this.#stringEnd(start);
    this.position = end;
    if (this.text.charAt(start) === '`') return this.text.slice(start + 1, end - 1);
    const token = this.text.slice(start, end);
    try {
      // The guest's parser replaces unpaired surrogates, which no byte string can hold.
      return (JSON.parse(token) as string).toWellFormed();
    } catch (cause) {
      throw new MalformedError(
        'REGO_MALFORMED',
        `The policy text is not valid Rego: line ${this.lineOf(start)}: a string has an invalid escape or character.`,
        { cause, details: { line: this.lineOf(start) } },
      );
    }
  }

  /** Moves behind a statement that is not understood: to the next line at depth zero that begins with a name. */
  skipStatement(): void {
    const open: string[] = [];
    const start = this.position;
    while (!this.atEnd()) {
      this.take(pastPlainText);
      const character = this.peek();
      if (character === '"' || character === '`') this.position = this.#stringEnd(this.position);
      else if (character === '#') this.#skipComment();
      else this.position++;
      if (openers.has(character)) open.push(character);
      if (closers.has(character) && closerOf[open.pop() ?? ''] !== character) {
        throw malformed(this.lineOf(this.position - 1), `a ${character} closes nothing`);
      }
      if (character === '\n' && open.length === 0 && statementStart.test(this.peek())) return;
    }
    if (open.length > 0) throw malformed(this.lineOf(start), `a ${open.at(-1)} is never closed`);
  }

  #skipComment(): void {
    const end = this.text.indexOf('\n', this.position);
    this.position = end === -1 ? this.text.length : end;
  }

  #stringEnd(start: number): number {
    const quote = this.text.charAt(start);
    for (let at = start + 1; at < this.text.length; at++) {
      const character = this.text.charAt(at);
      if (character === quote) return at + 1;
      if (quote === '"' && character === '\\') at++;
      else if (quote === '"' && character === '\n') break;
    }
    throw malformed(this.lineOf(start), 'a string is not closed');
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d;
}

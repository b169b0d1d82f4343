import type { Token } from './lexer.ts';
import { limitExceeded, syntaxError } from './position.ts';
import type { MalformedError } from '@holdfast/base';
import type { Literal } from './syntax.ts';

/** Parses the body of a comprehension up to its closing sign. */
export type ParseClosure = (stream: TokenStream, closing: string) => readonly Literal[];

/** A cursor over the tokens of a module. */
export class TokenStream {
  readonly #tokens: readonly Token[];
  readonly #end: Token;
  readonly #maxNesting: number;
  readonly #parseClosure: ParseClosure;
  #position = 0;
  #nesting = 0;

  constructor(tokens: readonly Token[], end: Token, maxNesting: number, parseClosure: ParseClosure) {
    this.#tokens = tokens;
    this.#end = end;
    this.#maxNesting = maxNesting;
    this.#parseClosure = parseClosure;
  }

  peek(ahead = 0): Token {
    return this.#tokens[this.#position + ahead] ?? this.#end;
  }

  next(): Token {
    const token = this.peek();
    this.#position++;
    return token;
  }

  isSign(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'sign' && token.text === text;
  }

  isWord(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'name' && token.text === text;
  }

  takeSign(text: string): boolean {
    const found = this.isSign(text);
    if (found) this.#position++;
    return found;
  }

  takeWord(text: string): boolean {
    const found = this.isWord(text);
    if (found) this.#position++;
    return found;
  }

  expectSign(text: string): Token {
    if (!this.isSign(text)) throw this.unexpected(`"${text}"`);
    return this.next();
  }

  expectName(): Token {
    if (this.peek().kind !== 'name') throw this.unexpected('a name');
    return this.next();
  }

  unexpected(expected: string): MalformedError {
    const token = this.peek();
    const found = token.kind === 'end' ? token.text : JSON.stringify(token.text);
    return syntaxError(token.at, `expected ${expected}, found ${found}`);
  }

  /** Runs a part of the parser that may call itself, one level deeper. */
  nested<T>(parse: () => T): T {
    this.#nesting++;
    if (this.#nesting > this.#maxNesting) throw limitExceeded('nesting of a module', this.#maxNesting);
    const result = parse();
    this.#nesting--;
    return result;
  }

  closure(closing: string): readonly Literal[] {
    return this.#parseClosure(this, closing);
  }
}

import { normalizeInteger } from './json.ts';
import type { Token } from './lexer.ts';
import { syntaxError } from './position.ts';
import type { RegoPosition } from './position.ts';
import type { ObjectEntry, Term } from './syntax.ts';
import type { TokenStream } from './token-stream.ts';
import type { RegoValue } from './value.ts';

/** Words that never are variables. */
const reserved: ReadonlySet<string> = new Set(['as', 'default', 'else', 'import', 'not', 'package', 'some', 'with']);

const levels: readonly (readonly string[])[] = [
  ['==', '!=', '<', '<=', '>', '>='],
  ['|'],
  ['&'],
  ['+', '-'],
  ['*', '/', '%'],
];

/** Names of the built-ins that signs stand for. */
const operators: Readonly<Record<string, string>> = {
  '==': 'equal',
  '!=': 'neq',
  '<': 'lt',
  '<=': 'lte',
  '>': 'gt',
  '>=': 'gte',
  '|': 'or',
  '&': 'and',
  '+': 'plus',
  '-': 'minus',
  '*': 'mul',
  '/': 'div',
  '%': 'rem',
};

interface TermOptions {
  /** Heads of comprehensions end at `|`, which is a union elsewhere. */
  readonly union: boolean;
}

const everywhere: TermOptions = { union: true };
const beforeBar: TermOptions = { union: false };

/** A term with operators, `in` included. */
export function parseTerm(stream: TokenStream, options: TermOptions = everywhere): Term {
  let left = parseOperators(stream, 0, options);
  while (stream.isWord('in')) {
    const at = stream.next().at;
    left = { type: 'call', name: 'internal.member_2', arguments: [left, parseOperators(stream, 0, options)], at };
  }
  return left;
}

/** A term in which a top-level `in` is left for the caller: in `some x in xs`. */
export function parseTermBeforeIn(stream: TokenStream): Term {
  return parseOperators(stream, 0, everywhere);
}

function parseOperators(stream: TokenStream, level: number, options: TermOptions): Term {
  const signs = levels[level];
  if (signs === undefined) return stream.nested(() => parsePostfix(stream));
  let left = parseOperators(stream, level + 1, options);
  for (;;) {
    const token = stream.peek();
    if (token.kind !== 'sign' || !signs.includes(token.text) || (token.text === '|' && !options.union)) return left;
    stream.next();
    const right = parseOperators(stream, level + 1, options);
    left = { type: 'call', name: operators[token.text] ?? token.text, arguments: [left, right], at: token.at };
  }
}

/** A term with its operands: `a.b[c]`, `f(x)[i]`, `[1, 2][i]`. */
function parsePostfix(stream: TokenStream): Term {
  const head = parsePrimary(stream);
  let path = head.type === 'variable' ? head.name : undefined;
  let result = head;
  let operands: Term[] = [];
  const close = (): Term =>
    operands.length === 0 ? result : { type: 'reference', head: result, operands, at: head.at };
  for (;;) {
    const token = stream.peek();
    if (token.kind !== 'sign' || !token.adjacent) return close();
    if (token.text === '.') {
      stream.next();
      const name = stream.expectName();
      if (!name.adjacent) throw syntaxError(name.at, 'a name has to follow the dot directly');
      operands.push({ type: 'scalar', value: name.text, at: name.at });
      path = path === undefined ? undefined : `${path}.${name.text}`;
    } else if (token.text === '[') {
      stream.next();
      operands.push(parseTerm(stream));
      stream.expectSign(']');
      path = undefined;
    } else if (token.text === '(' && path !== undefined) {
      stream.next();
      result = { type: 'call', name: path, arguments: parseArguments(stream), at: head.at };
      operands = [];
      path = undefined;
    } else {
      return close();
    }
  }
}

function parseArguments(stream: TokenStream): readonly Term[] {
  return parseList(stream, ')');
}

/** Terms separated by commas up to the closing sign, which is taken. A comma may stand before it. */
export function parseList(stream: TokenStream, closing: string): readonly Term[] {
  const items: Term[] = [];
  while (!stream.takeSign(closing)) {
    items.push(parseTerm(stream));
    if (!stream.takeSign(',') && !stream.isSign(closing)) throw stream.unexpected(`"," or "${closing}"`);
  }
  return items;
}

function parsePrimary(stream: TokenStream): Term {
  const token = stream.next();
  switch (token.kind) {
    case 'text':
      return scalar(token.text, token.at);
    case 'number':
      return scalar(numberOf(token), token.at);
    case 'name':
      return parseName(stream, token);
    case 'sign':
      return parseBracketed(stream, token);
    default:
      throw syntaxError(token.at, 'expected a value, found the end of the module');
  }
}

function scalar(value: RegoValue, at: RegoPosition): Term {
  return { type: 'scalar', value, at };
}

function numberOf(token: Token): RegoValue {
  const value = Number(token.text);
  if (!Number.isFinite(value)) throw syntaxError(token.at, 'a number is too large');
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return value;
  return normalizeInteger(/^[0-9]+$/.test(token.text) ? BigInt(token.text) : BigInt(value));
}

function negate(value: RegoValue): RegoValue {
  return typeof value === 'bigint' ? normalizeInteger(-value) : value === 0 ? 0 : -(value as number);
}

function parseName(stream: TokenStream, token: Token): Term {
  switch (token.text) {
    case 'null':
      return scalar(null, token.at);
    case 'true':
      return scalar(true, token.at);
    case 'false':
      return scalar(false, token.at);
    case 'set':
      if (!stream.isSign('(') || !stream.isSign(')', 1)) break;
      stream.next();
      stream.next();
      return { type: 'set', items: [], at: token.at };
    default:
  }
  if (reserved.has(token.text)) throw syntaxError(token.at, `the keyword "${token.text}" cannot stand here`);
  return { type: 'variable', name: token.text, at: token.at };
}

function parseBracketed(stream: TokenStream, token: Token): Term {
  switch (token.text) {
    case '-': {
      const digits = stream.next();
      if (digits.kind !== 'number') throw syntaxError(digits.at, 'expected a number after "-"');
      return scalar(negate(numberOf(digits)), token.at);
    }
    case '(':
      return parseParentheses(stream);
    case '[':
      return parseArray(stream, token.at);
    case '{':
      return parseBraces(stream, token.at);
    default:
      throw syntaxError(token.at, `expected a value, found "${token.text}"`);
  }
}

function parseParentheses(stream: TokenStream): Term {
  const first = parseTerm(stream);
  if (stream.takeSign(',')) {
    const at = first.at;
    const second = parseOperators(stream, 0, everywhere);
    if (!stream.takeWord('in')) throw stream.unexpected('"in"');
    const domain = parseOperators(stream, 0, everywhere);
    stream.expectSign(')');
    return { type: 'call', name: 'internal.member_3', arguments: [first, second, domain], at };
  }
  stream.expectSign(')');
  return first;
}

function parseArray(stream: TokenStream, at: RegoPosition): Term {
  if (stream.takeSign(']')) return { type: 'array', items: [], at };
  const first = parseTerm(stream, beforeBar);
  if (stream.takeSign('|')) return comprehension(stream, 'array', undefined, first, ']', at);
  return { type: 'array', items: parseRest(stream, first, ']'), at };
}

function parseBraces(stream: TokenStream, at: RegoPosition): Term {
  if (stream.takeSign('}')) return { type: 'object', entries: [], at };
  const first = parseTerm(stream, beforeBar);
  if (!stream.takeSign(':')) {
    if (stream.takeSign('|')) return comprehension(stream, 'set', undefined, first, '}', at);
    return { type: 'set', items: parseRest(stream, first, '}'), at };
  }
  const value = parseTerm(stream, beforeBar);
  if (stream.takeSign('|')) return comprehension(stream, 'object', first, value, '}', at);
  const entries: ObjectEntry[] = [{ key: first, value }];
  while (!stream.takeSign('}')) {
    if (!stream.takeSign(',')) throw stream.unexpected('"," or "}"');
    if (stream.takeSign('}')) break;
    const key = parseTerm(stream);
    stream.expectSign(':');
    entries.push({ key, value: parseTerm(stream) });
  }
  return { type: 'object', entries, at };
}

function parseRest(stream: TokenStream, first: Term, closing: string): readonly Term[] {
  if (stream.takeSign(closing)) return [first];
  if (!stream.takeSign(',')) throw stream.unexpected(`"," or "${closing}"`);
  return [first, ...parseList(stream, closing)];
}

function comprehension(
  stream: TokenStream,
  kind: 'array' | 'set' | 'object',
  key: Term | undefined,
  value: Term,
  closing: string,
  at: RegoPosition,
): Term {
  return { type: 'comprehension', kind, key, value, body: stream.closure(closing), at };
}

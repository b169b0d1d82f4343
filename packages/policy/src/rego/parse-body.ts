import { parseTerm, parseTermBeforeIn } from './parse-term.ts';
import { syntaxError } from './position.ts';
import type { Expression, Literal, Term, WithModifier } from './syntax.ts';
import type { TokenStream } from './token-stream.ts';

/** Literals separated by `;` or line ends, up to the closing sign, which is taken. */
export function parseBody(stream: TokenStream, closing: string): readonly Literal[] {
  const literals: Literal[] = [];
  while (!stream.takeSign(closing)) {
    if (literals.length > 0 && !stream.takeSign(';') && !stream.peek().newLine) {
      throw stream.unexpected(`";", a new line or "${closing}"`);
    }
    if (stream.takeSign(closing)) break;
    literals.push(parseLiteral(stream));
  }
  if (literals.length === 0) throw syntaxError(stream.peek(-1).at, 'a body needs at least one expression');
  return literals;
}

/** One expression with its `not` and `with`. */
export function parseLiteral(stream: TokenStream): Literal {
  const at = stream.peek().at;
  const negated = stream.takeWord('not');
  const expression = stream.nested(() => parseExpression(stream));
  const modifiers: WithModifier[] = [];
  while (stream.takeWord('with')) {
    const target = parseTermBeforeIn(stream);
    if (!stream.takeWord('as')) throw stream.unexpected('"as"');
    modifiers.push({ target, value: parseTerm(stream) });
  }
  return { expression, negated, modifiers, at };
}

function parseExpression(stream: TokenStream): Expression {
  if (stream.takeWord('some')) return parseSome(stream);
  if (stream.isWord('every') && !stream.peek(1).newLine && stream.peek(1).kind === 'name') return parseEvery(stream);
  const left = parseTerm(stream);
  if (stream.takeSign(':=')) return { type: 'assign', left, right: parseTerm(stream) };
  if (stream.takeSign('=')) return { type: 'unify', left, right: parseTerm(stream) };
  if (stream.takeSign(',')) return { type: 'term', term: parsePairMembership(stream, left) };
  return { type: 'term', term: left };
}

/** `key, value in collection` on its own, behind the first comma. */
function parsePairMembership(stream: TokenStream, key: Term): Term {
  const value = parseTermBeforeIn(stream);
  if (!stream.takeWord('in')) throw stream.unexpected('"in"');
  return { type: 'call', name: 'internal.member_3', arguments: [key, value, parseTermBeforeIn(stream)], at: key.at };
}

function parseSome(stream: TokenStream): Expression {
  const terms: Term[] = [parseTermBeforeIn(stream)];
  while (stream.takeSign(',')) terms.push(parseTermBeforeIn(stream));
  if (stream.takeWord('in')) {
    const [first, second] = terms;
    if (first === undefined || terms.length > 2) throw stream.unexpected('at most two terms before "in"');
    const domain = parseTerm(stream);
    return second === undefined
      ? { type: 'someIn', key: undefined, value: first, domain }
      : { type: 'someIn', key: first, value: second, domain };
  }
  return {
    type: 'declare',
    names: terms.map((term) => {
      if (term.type !== 'variable') throw syntaxError(term.at, '"some" declares variables: expected a name');
      return term.name;
    }),
  };
}

function parseEvery(stream: TokenStream): Expression {
  stream.next();
  const first = parseTermBeforeIn(stream);
  const second = stream.takeSign(',') ? parseTermBeforeIn(stream) : undefined;
  if (!stream.takeWord('in')) throw stream.unexpected('"in"');
  const domain = parseTerm(stream);
  stream.expectSign('{');
  const body = parseBody(stream, '}');
  return second === undefined
    ? { type: 'every', key: undefined, value: first, domain, body }
    : { type: 'every', key: first, value: second, domain, body };
}

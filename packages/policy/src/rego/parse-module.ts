import { defaultRegoEngineLimits } from './limits.ts';
import type { RegoEngineLimits } from './limits.ts';
import { tokenize } from './lexer.ts';
import { parseBody, parseLiteral } from './parse-body.ts';
import { parseTerm, parseList } from './parse-term.ts';
import { limitExceeded, syntaxError } from './position.ts';
import type { RegoPosition } from './position.ts';
import type { ElseBranch, Import, Literal, RegoModule, Rule, Term } from './syntax.ts';
import { TokenStream } from './token-stream.ts';

export interface ParseRegoModuleOptions {
  /** Name for messages. */
  readonly file: string;
  readonly limits?: Partial<RegoEngineLimits>;
}

/**
 * Parses one Rego module. Both generations of the language are read: with `if` and `contains` (Rego v1, or v0 with
 * `future.keywords`) and the older heads without them.
 * @throws MalformedError REGO_SYNTAX_INVALID with file, line and column.
 * @throws UnsupportedError REGO_LIMIT_EXCEEDED for a module that is too long or nests too deeply.
 */
export function parseRegoModule(text: string, options: ParseRegoModuleOptions): RegoModule {
  const limits = { ...defaultRegoEngineLimits, ...options.limits };
  if (text.length > limits.maxSourceLength) throw limitExceeded('length of a module', limits.maxSourceLength);
  const tokens = tokenize(text, options.file);
  const end = tokens.at(-1);
  if (end === undefined) throw new TypeError('The lexer gives at least one token.');
  const stream = new TokenStream(tokens, end, limits.maxNesting, parseBody);
  if (!stream.takeWord('package')) throw stream.unexpected('"package"');
  const path = parsePath(stream);
  const imports: Import[] = [];
  while (stream.isWord('import')) parseImport(stream, imports);
  const rules: Rule[] = [];
  while (stream.peek().kind !== 'end') parseRule(stream, rules);
  return { file: options.file, package: path, imports, rules };
}

function parsePath(stream: TokenStream): readonly string[] {
  const path = [stream.expectName().text];
  for (;;) {
    if (stream.takeSign('.')) {
      path.push(stream.expectName().text);
    } else if (stream.isSign('[') && stream.peek().adjacent) {
      stream.next();
      if (stream.peek().kind !== 'text') throw stream.unexpected('a string');
      path.push(stream.next().text);
      stream.expectSign(']');
    } else {
      return path;
    }
  }
}

function parseImport(stream: TokenStream, imports: Import[]): void {
  const at = stream.next().at;
  const path = parsePath(stream);
  const alias = stream.takeWord('as') ? stream.expectName().text : (path.at(-1) ?? '');
  if (path[0] === 'rego' || path[0] === 'future') return;
  if (path[0] !== 'data' && path[0] !== 'input') {
    throw syntaxError(at, 'an import begins with "data", "input", "future.keywords" or "rego.v1"');
  }
  imports.push({ path, alias });
}

interface Head {
  readonly name: string;
  readonly kind: Rule['kind'];
  readonly path: readonly Term[];
  readonly parameters: readonly Term[];
  readonly value: Term | undefined;
  readonly at: RegoPosition;
  /** `p[x]` in the older language: a set when nothing says otherwise. */
  readonly endsWithBracket: boolean;
}

function parseRule(stream: TokenStream, rules: Rule[]): void {
  const isDefault = stream.isWord('default') && stream.peek(1).kind === 'name';
  if (isDefault) stream.next();
  const head = parseHead(stream);
  if (isDefault) {
    if (head.value === undefined || head.kind === 'set') throw stream.unexpected('":=" and a value');
    rules.push({ ...definition(head, head.value, []), isDefault: true });
    return;
  }
  const { body, hasIf } = parseRuleBody(stream);
  if (body.length === 0 && head.value === undefined && head.path.length === 0) {
    throw stream.unexpected('":=", "contains" or "if" after the name of a rule');
  }
  const rule = { ...ruleOf(head, body, hasIf), otherwise: parseElse(stream) };
  rules.push(rule);
  // The older language lets several bodies follow one head.
  if (hasIf || body.length === 0 || rule.otherwise.length > 0) return;
  while (stream.takeSign('{')) {
    rules.push({ ...rule, body: parseBody(stream, '}') });
  }
}

function ruleOf(head: Head, body: readonly Literal[], hasIf: boolean): Rule {
  const member = head.path.at(-1);
  if (head.value === undefined && head.endsWithBracket && !hasIf && member !== undefined) {
    return { ...definition(head, member, body), kind: 'set', path: head.path.slice(0, -1) };
  }
  return definition(head, head.value ?? { type: 'scalar', value: true, at: head.at }, body);
}

function definition(head: Head, value: Term, body: readonly Literal[]): Rule {
  const { name, kind, path, parameters, at } = head;
  return { name, kind, path, parameters, value, body, at, isDefault: false, otherwise: [] };
}

function parseHead(stream: TokenStream): Head {
  const start = stream.peek();
  if (start.kind !== 'name') throw stream.unexpected('the name of a rule');
  stream.next();
  const path: Term[] = [];
  let endsWithBracket = false;
  for (;;) {
    const token = stream.peek();
    if (!token.adjacent || token.kind !== 'sign') break;
    if (token.text === '.') {
      stream.next();
      const name = stream.expectName();
      path.push({ type: 'scalar', value: name.text, at: name.at });
      endsWithBracket = false;
    } else if (token.text === '[') {
      stream.next();
      path.push(parseTerm(stream));
      stream.expectSign(']');
      endsWithBracket = true;
    } else {
      break;
    }
  }
  const base = { name: start.text, path, at: start.at, endsWithBracket };
  if (stream.isSign('(')) {
    stream.next();
    const parameters = parseList(stream, ')');
    return { ...base, kind: 'function', parameters, value: parseHeadValue(stream), endsWithBracket: false };
  }
  if (stream.takeWord('contains')) {
    return { ...base, kind: 'set', parameters: [], value: parseTerm(stream), endsWithBracket: false };
  }
  return { ...base, kind: 'complete', parameters: [], value: parseHeadValue(stream) };
}

function parseHeadValue(stream: TokenStream): Term | undefined {
  return stream.takeSign(':=') || stream.takeSign('=') ? parseTerm(stream) : undefined;
}

function parseRuleBody(stream: TokenStream): { readonly body: readonly Literal[]; readonly hasIf: boolean } {
  if (stream.takeWord('if')) {
    return { body: stream.takeSign('{') ? parseBody(stream, '}') : [parseLiteral(stream)], hasIf: true };
  }
  return { body: stream.takeSign('{') ? parseBody(stream, '}') : [], hasIf: false };
}

function parseElse(stream: TokenStream): readonly ElseBranch[] {
  const branches: ElseBranch[] = [];
  while (stream.isWord('else')) {
    const at = stream.next().at;
    const value = parseHeadValue(stream) ?? { type: 'scalar' as const, value: true, at };
    branches.push({ value, body: parseRuleBody(stream).body, at });
  }
  return branches;
}
